import { expect, test } from 'vitest';
import { separately } from './trace-output.ts';

test('tasks whose files cannot be opened go on without a trace, and that is said once', () => {
  const said: string[] = [];
  const files = separately(
    '/nonexistent/trace',
    false,
    () => ({}),
    (message) => said.push(message),
  );
  for (const tid of [2, 3]) files.listener.exit?.({ tid } as never);
  files.close();
  expect(said).toEqual([expect.stringMatching(/^-o \/nonexistent\/trace\.2: ENOENT/)]);
});
