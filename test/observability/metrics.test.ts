import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetrics, renderAlone } from '../../src/observability/metrics.ts';
import { surfaceOf } from '../../src/observability/surface.ts';

test('everything counted and asked for is rendered for Prometheus', async () => {
  const metrics = createMetrics({ bcrypt: () => ({ running: 2, waiting: 5 }), feedSecondsSinceHeard: () => 0.5 });
  metrics.httpRequest({ surface: 'token', status: 200, seconds: 0.003 });
  metrics.tokenIssued('issued');
  metrics.tokenIssued('invalid_scope');
  metrics.introspected(true);
  metrics.unauthenticatedRefusal('token');
  metrics.webhookTried('dead');
  const { contentType, body } = await renderAlone(metrics.registry)();
  assert.match(contentType, /^text\/plain; version=/);
  for (const line of [
    'latchkey_http_requests_total{surface="token",status="200"} 1',
    'latchkey_http_request_duration_seconds_bucket{le="0.005",surface="token",status="200"} 1',
    'latchkey_tokens_issued_total{outcome="issued"} 1',
    'latchkey_tokens_issued_total{outcome="invalid_scope"} 1',
    'latchkey_introspections_total{active="true"} 1',
    'latchkey_unauthenticated_refusals_total{surface="token"} 1',
    'latchkey_webhook_deliveries_total{outcome="dead"} 1',
    'latchkey_bcrypt_running 2',
    'latchkey_bcrypt_waiting 5',
    'latchkey_feed_seconds_since_heard 0.5',
    'nodejs_version_info',
  ]) {
    assert.ok(body.includes(line), `${line} is missing`);
  }
});

test('two servers in one process do not share their metrics', async () => {
  const sources = { bcrypt: () => ({ running: 0, waiting: 0 }), feedSecondsSinceHeard: () => 0 };
  const [one, other] = [createMetrics(sources), createMetrics(sources)];
  one.tokenIssued('issued');
  assert.ok(!(await renderAlone(other.registry)()).body.includes('outcome="issued"'));
});

test('a path that nobody serves makes no label of its own', () => {
  assert.deepEqual(
    ['/oauth2/token', '/gateways/authorize/a/b', '/admin/v1/apis', '/wp-login.php', '/oauth2'].map(surfaceOf),
    ['token', 'authorize', 'admin', 'other', 'other'],
  );
});
