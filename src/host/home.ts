// The user's home folder.

/** Null for a user who has none: one without an entry in /etc/passwd, where HOME is not set (docker run --user 1234). */
export const homeFolder = (): string | null => {
  try {
    // node:os asks for HOME first as well, and takes longer to load than to do without.
    return process.env.HOME || process.getBuiltinModule('node:os').homedir() || null;
  } catch {
    return null;
  }
};
