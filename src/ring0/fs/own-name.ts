// The files of /etc that say what a machine is called and whom it can ask for names (hostname(5), hosts(5),
// resolv.conf(5)): not those of the host, whose name and neighbours are its own, but made for the machine, as those of a container are.

import { S_IFREG } from '../../abi/stat.ts';
import type { PageSource } from '../vfs/pagecache.ts';
import type { Path } from '../vfs/types.ts';
import { MemDir, MemFile, newAttr } from './tmpfs.ts';

/** Addresses that mean the machine itself or all on its link; every machine has them. */
const LOOPBACK = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
`;

/** A machine without an address of its own: its name leads to the loopback interface (Debian's manual, 5.1.1). */
const OWN_ADDRESS = '127.0.1.1';

/** A full name has its first part as an alias. */
const hosts = (name: string): string => {
  const [first = '', ...domain] = name.split('.');
  return `${LOOPBACK}${OWN_ADDRESS}\t${name}${domain.length > 0 && first !== '' ? ` ${first}` : ''}\n`;
};

/** Bytes that are made when somebody reads them: most programs do not ask. */
const textSource = (text: string): PageSource => ({
  read(buf, at, n, pos) {
    const k = Math.max(0, Math.min(n, text.length - pos));
    for (let i = 0; i < k; i++) buf[at + i] = text.charCodeAt(pos + i);
    return k;
  },
});

/** Puts a file in the place of what has the name, if anything. */
const put = (dir: MemDir, name: string, text: string): void => {
  const { fs } = dir;
  const node = new MemFile(fs, newAttr(fs, S_IFREG | 0o644, 0, 0));
  node.pages.setSource(textSource(text), text.length);
  if (fs.enter(node)) dir.put(name, node);
};

/** Names a machine in a folder, which is /etc of its root. `name` is a byte string. */
export const nameMachine = (etc: Path | null, name: string, hasResolver: boolean): void => {
  const dir = etc?.dentry.inode;
  if (!(dir instanceof MemDir)) return;
  put(dir, 'hostname', `${name}\n`);
  put(dir, 'hosts', hosts(name));
  // The host's often leads to where the guest has nothing. There is no network, so nobody to be named in it.
  if (!hasResolver) put(dir, 'resolv.conf', '');
};
