/**
 * A small program for test/workers.test.ts: a primary with two workers that listen, count and render metrics as
 * Latchkey's do. The primary tells its parent what its workers say.
 */
import cluster from 'node:cluster';
import { listen } from '../../src/listen.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { renderForAllWorkers } from '../../src/observability/worker-metrics.ts';
import { runWorkers } from '../../src/workers.ts';

const [mode] = process.argv.slice(2);
const logger = createLogger('info');

if (cluster.isPrimary) {
  cluster.on('message', (_worker, message) => {
    if ('ready' in message) process.send?.(message);
  });
  process.exitCode = await runWorkers({
    count: 2,
    logger,
    stopMsMax: 1000,
    settledAfterMs: mode === 'broken' ? 60_000 : 0,
  });
  process.disconnect?.();
} else if (mode === 'broken') {
  process.exit(1);
} else {
  const metrics = createMetrics({ bcrypt: () => ({ running: 1, waiting: 0 }), feedSecondsSinceHeard: () => 3 });
  metrics.tokenIssued('issued');
  const render = renderForAllWorkers(metrics.registry);
  const server = await listen(
    async (_request, response) => {
      try {
        response.end((await render()).body);
      } catch (error) {
        response.writeHead(503).end(String(error));
      }
    },
    { host: '127.0.0.1', port: 0, tls: undefined, logger },
  );
  process.on('SIGTERM', async () => {
    if (mode === 'stubborn') return;
    await server.drain(500);
    process.exit(0);
  });
  process.send?.({ ready: true, pid: process.pid, port: server.port });
}
