/** The description shows an example of every body, each is true to its schema, and judges of such descriptions find no fault. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { adminApiDocument } from '../../src/admin-api/router.ts';

// Not at example.com: the judge takes that for a place that nobody filled in.
const ISSUER = 'https://auth.latchkey.test';

interface Schema {
  readonly $ref?: string;
  readonly format?: string;
  example?: unknown;
  readonly examples?: readonly unknown[];
}

interface Content {
  readonly content?: Readonly<Record<string, { readonly schema: Schema }>>;
}

interface Operation {
  operationId?: string;
  readonly requestBody?: Content;
  readonly responses: Readonly<Record<string, Content>>;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

/** @returns a copy of one's own */
function described(): Document {
  return JSON.parse(JSON.stringify(adminApiDocument(ISSUER)));
}

/** @returns what is wrong by the recommended rules, and by those about examples */
async function faultsOf(document: Document): Promise<string[]> {
  const config = await createConfig({
    extends: ['recommended'],
    rules: {
      'no-invalid-schema-examples': 'error',
      'no-invalid-media-type-examples': 'error',
      'no-invalid-parameter-examples': 'error',
    },
  });
  const problems = await lintFromString({ source: JSON.stringify(document), config, absoluteRef: '/openapi.json' });
  return problems.map(({ ruleId, message, location: [at] }) => `${ruleId} at ${at?.pointer}: ${message}`);
}

test('every body that is sent or answered has an example', () => {
  const { paths, components } = described();
  const lacking: string[] = [];
  let count = 0;
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, { requestBody, responses }] of Object.entries(methods)) {
      for (const [what, { content = {} }] of Object.entries({
        ...(requestBody && { body: requestBody }),
        ...responses,
      })) {
        for (const [type, { schema }] of Object.entries(content)) {
          // Pictures and files speak for themselves.
          if (!/json$/.test(type) || schema.format === 'binary') continue;
          count += 1;
          const name = schema.$ref?.split('/').at(-1);
          const { example, examples } = name === undefined ? schema : (components.schemas[name] ?? {});
          if ((example ?? examples?.[0]) === undefined) lacking.push(`${method} ${path} ${what} ${type}`);
        }
      }
    }
  }
  assert.deepEqual(lacking, [], 'give their schemas an example: .meta({ example })');
  assert.ok(count > 100);
});

test('the description breaks no recommended rule, and every example is true to its schema', async () => {
  assert.deepEqual(await faultsOf(described()), []);
});

test('an example that is not true to its schema, and an operation without a name, are found', async () => {
  const document = described();
  const { Client } = document.components.schemas;
  assert.ok(Client);
  Client.example = { ...(Client.example as object), enabled: 'yes' };
  delete document.paths['/apis']?.['get']?.operationId;
  const faults = await faultsOf(document);
  assert.deepEqual(faults.map((fault) => fault.split(' ')[0]).sort(), [
    'no-invalid-schema-examples',
    'operation-operationId',
  ]);
});
