/** The plain pages that stand until the console comes. */

export const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 10vh auto; max-width: 26rem; padding: 0 1.25rem; }
h1 { font-size: 1.5rem; margin-bottom: .25rem; }
label { display: block; margin-top: 1rem; font-weight: 600; }
input { width: 100%; box-sizing: border-box; font: inherit; padding: .5rem .6rem; margin-top: .25rem;
  border: 1px solid #8888; border-radius: .4rem; background: transparent; color: inherit; }
small { display: block; opacity: .75; }
button { margin-top: 1.5rem; font: inherit; font-weight: 600; padding: .55rem 1.1rem; border: 0;
  border-radius: .4rem; background: #1d4ed8; color: #fff; cursor: pointer; }
.mistake { border-left: 3px solid #dc2626; padding-left: .75rem; }
`;

// The fragment is taken out of the address at once, so that it stays neither in the history nor on a shared screen.
export const SIGN_IN_SCRIPT = `
const token = new URLSearchParams(location.hash.slice(1)).get('token');
const field = document.getElementById('token');
if (token) { field.value = token; history.replaceState(null, '', location.pathname); }
if (field && !field.value) document.getElementById('missing').hidden = false;
`;

const LATER = 'The console comes with a later version; until then Latchkey is managed through its admin API.';

export const page = {
  /** @param mistakes sentences @param given what was entered before, but for the password */
  form(mistakes: readonly string[], given: { token: string; email: string } = { token: '', email: '' }): string {
    return layout(
      'Welcome',
      `<p>Set your password. This link works once. ${LATER}</p>
${mistakes.map((mistake) => `<p class="mistake" role="alert">${escaped(mistake)}</p>`).join('\n')}
<p id="missing" class="mistake" hidden>The address lacks the link’s token: open the link as it was printed.</p>
<form method="post" action="/console/sign-in">
<input type="hidden" id="token" name="token" value="${escaped(given.token)}">
<label for="email">Email (optional)</label>
<input id="email" name="email" type="email" autocomplete="username" maxlength="254" value="${escaped(given.email)}">
<small>What you sign in with. The first owner chooses it here; without one it is owner@localhost.localdomain.
Who was invited has one already.</small>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="new-password" required minlength="12" maxlength="72">
<small>At least 12 characters. Long is good; a password manager’s is best.</small>
<button type="submit">Set password</button>
</form>
<script>${SIGN_IN_SCRIPT}</script>`,
    );
  },
  done(): string {
    return page.message('Password set', `You can sign in with it now. ${LATER}`);
  },
  later(): string {
    return page.message('Latchkey', LATER);
  },
  message(title: string, text: string): string {
    return layout(title, `<p>${escaped(text)}</p>`);
  },
};

function layout(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)} · Latchkey</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escaped(title)}</h1>
${body}
</main>
</body>
</html>
`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
