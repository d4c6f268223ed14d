/** What the admin API's description says of each noun, in the words of docs/architecture.md. */

/** By the tag of its operations. */
export const TAG_DESCRIPTIONS: Readonly<Record<string, string>> = {
  API: 'A resource server: its identifier is the audience of its tokens; it has scopes and says how tokens are made.',
  Role: 'A named set of scopes at APIs; appears as `roles` in tokens.',
  Collection: 'A named set of APIs, to which access profiles are cut.',
  Policy: 'How much may be asked, for how long tokens live, how often they may be got.',
  Application: 'What a consumer of APIs registers.',
  'Access profile': 'How clients and keys of an application may call.',
  Client: 'An OAuth client of an application in one environment; its `client_id` is the consumer key.',
  Secret: 'One of several live consumer secrets of a client: hashed, and shown once.',
  'API key': 'One string that a caller sends as `x-api-key`: hashed, and shown once.',
  'Initial access token': 'Lets a portal register clients (RFC 7591), within what it may hand out.',
  Gateway: 'An outside API gateway that uses Latchkey as its key manager.',
  'Gateway notice': 'What became of telling a gateway of one revocation.',
  Import: 'Brings in clients and API keys that are in use elsewhere.',
  Member: 'A person who operates Latchkey, as a platform owner or a developer.',
  Ownership: 'Who owns the platform.',
  Session: 'A member who is signed in, known by a cookie.',
  'Signing key': 'Signs tokens: announced, signing, retained, removed.',
  Revocation: 'Ends tokens before their time.',
  Usage: 'How often what was used, hour by hour.',
  Webhook: 'An address to which audit entries are sent as they are sealed, signed.',
  'Webhook delivery': 'What became of one audit entry that was to be sent to a webhook.',
  'Audit entry': 'What was done, by whom, in a chain that shows what was taken out of it.',
};
