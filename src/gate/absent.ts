// Why calls without a handler are absent, and what Linux answers in their place. Calls that are not listed are
// not in yet: ENOSYS. Reasons: syscalls(2) and the manual page of each call; kernel/sys_ni.c for optional ones.

import { ENOSYS, EPERM } from '../abi/errno.ts';
import type { Family } from './row.ts';

export interface Absence {
  readonly errno: number;
  readonly reason: string;
  readonly family: Family;
}

const each = (errno: number, reason: string, family: Family, names: string): [string, Absence][] => {
  const absence = { errno, reason, family };
  return names.split(' ').map((name) => [name, absence]);
};

export const ABSENT: ReadonlyMap<string, Absence> = new Map([
  ...each(
    ENOSYS,
    'never implemented by Linux',
    'system',
    'afs_syscall break ftime gtty lock mpx prof profil putpmsg getpmsg security stty tuxcall ulimit vserver',
  ),
  ...each(
    ENOSYS,
    'removed from Linux',
    'system',
    '_sysctl bdflush create_module get_kernel_syms nfsservctl query_module lookup_dcookie',
  ),
  ...each(ENOSYS, 'removed from Linux', 'desc', 'epoll_ctl_old epoll_wait_old'),
  ...each(ENOSYS, 'optional in Linux, and not built into this kernel', 'system', 'uselib ustat sysfs bpf'),
  ...each(
    ENOSYS,
    'x86-64 programs get their areas by arch_prctl',
    'process',
    'set_thread_area get_thread_area',
  ),
  ...each(
    EPERM,
    'needs a capability that no task of this machine has',
    'system',
    'kexec_load kexec_file_load init_module finit_module delete_module reboot swapon swapoff acct iopl ioperm settimeofday clock_settime syslog perf_event_open vhangup quotactl quotactl_fd',
  ),
  ...each(ENOSYS, 'no NUMA: optional in Linux', 'memory', 'set_mempolicy_home_node'),
  ...each(ENOSYS, 'no secret memory: off by default in Linux', 'memory', 'memfd_secret'),
  ...each(ENOSYS, 'no key rings: optional in Linux', 'creds', 'add_key request_key keyctl'),
  ...each(ENOSYS, 'not in yet', 'desc', 'io_uring_setup io_uring_enter io_uring_register'),
  ...each(ENOSYS, 'no file system events: optional in Linux', 'desc', 'fanotify_init fanotify_mark'),
  ...each(ENOSYS, 'not in yet', 'desc', 'userfaultfd'),
  ...each(
    ENOSYS,
    'not in yet',
    'process',
    'ptrace process_vm_readv process_vm_writev pidfd_open pidfd_getfd pidfd_send_signal unshare setns seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self',
  ),
  ...each(ENOSYS, 'no shadow stacks in this CPU', 'memory', 'map_shadow_stack'),
  ...each(
    ENOSYS,
    'optional in Linux, and not built into this kernel',
    'process',
    'lsm_get_self_attr lsm_set_self_attr lsm_list_modules',
  ),
  ...each(
    ENOSYS,
    'not in yet',
    'file',
    'name_to_handle_at open_by_handle_at open_tree open_tree_attr move_mount fsopen fsconfig fsmount fspick mount_setattr statmount listmount setxattrat getxattrat listxattrat removexattrat file_getattr file_setattr',
  ),
]);
