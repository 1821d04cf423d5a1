// The user's home folder.

import { homedir } from 'node:os';

/** Null for a user who has none: one without an entry in /etc/passwd, where HOME is not set (docker run --user 1234). */
export const homeFolder = (): string | null => {
  try {
    return homedir() || null;
  } catch {
    return null;
  }
};
