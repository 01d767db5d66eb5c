"""Which calls of the kernel a confined process may not make: a seccomp filter. Pure.

Sources: linux/seccomp.h, linux/bpf_common.h; the numbers are those of the kernel's unistd.h.
"""

import ctypes
import struct
from typing import Final, TypeAlias

Step: TypeAlias = tuple[int, int, int, int]  # operation, how far to jump if so, if not, value

LOAD, EQUAL, AT_LEAST, ANY_OF, ANSWER = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER_AT, MACHINE_AT, ARGUMENTS_AT = 0, 4, 16  # in struct seccomp_data; 8 bytes an argument
ALLOW: Final[Step] = (ANSWER, 0, 0, 0x7FFF0000)
REFUSE: Final[Step] = (ANSWER, 0, 0, 0x00050000 | 1)  # EPERM
UNKNOWN: Final[Step] = (ANSWER, 0, 0, 0x00050000 | 38)  # ENOSYS: the C library takes another call
CLONE_THREAD: Final = 0x10000
F_SETOWN, F_SETOWN_EX = 8, 15
PR_SET_PDEATHSIG, PR_SET_DUMPABLE = 1, 4
X32: Final = 0x40000000  # x86-64's second set of numbers

MACHINES: Final = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}  # AUDIT_ARCH, column

# A file's owner is sent signals when something happens to it; PR_SET_PDEATHSIG is what ends a
# process with its parent; what is not PR_SET_DUMPABLE hides its open files from that one.
# Per call, its numbers on the two machines; the second has some of the older ones not at all.
REFUSED: Final[dict[str, tuple[int | None, int | None]]] = {
    # No network, and no way around this filter to one.
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203),
    "io_uring_setup": (425, 425),
    # No other program, and no second process: limits hold for each process by itself.
    "execve": (59, 221), "execveat": (322, 281), "fork": (57, None), "vfork": (58, None),
    # Nothing done to other processes.
    "kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "pidfd_send_signal": (424, 424), "pidfd_getfd": (438, 438),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "process_madvise": (440, 440), "setpriority": (141, 140), "ioprio_set": (251, 30),
    "sched_setscheduler": (144, 119), "sched_setparam": (142, 118), "sched_setattr": (314, 274),
    "sched_setaffinity": (203, 122),
    # No limit lifted, and no memory that outlives the process or counts for nobody.
    "setrlimit": (160, 164), "shmget": (29, 194), "msgget": (68, 186), "semget": (64, 190),
    "mq_open": (240, 180), "memfd_create": (319, 279), "memfd_secret": (447, 447),
    # Files: what Landlock does not look at.
    "truncate": (76, 45), "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53),
    "fchmodat2": (452, 452), "chown": (92, None), "fchown": (93, 55), "lchown": (94, None),
    "fchownat": (260, 54), "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7),
    "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    "utime": (132, None), "utimes": (235, None), "futimesat": (261, None), "utimensat": (280, 88),
    "open_by_handle_at": (304, 265),
    # What only root may: it does not matter then who runs us.
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39),
    "pivot_root": (155, 41), "chroot": (161, 51), "reboot": (169, 142), "kexec_load": (246, 104),
    "init_module": (175, 105), "finit_module": (313, 273), "bpf": (321, 280),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "keyctl": (250, 219),
    "add_key": (248, 217), "request_key": (249, 218),
}  # fmt: skip
CLONE, CLONE3, PRLIMIT, FCNTL, PRCTL = (56, 220), (435, 435), (302, 261), (72, 25), (157, 167)


def filter_for(machine: str) -> "ctypes.Array[ctypes.c_char]":
    """A classic BPF program as the bytes of its instructions. Raises OSError for other machines."""
    if machine not in MACHINES:
        raise OSError(f"This machine, {machine}, has no list of calls to refuse.")
    program = b"".join(struct.pack("HBBI", *step) for step in _steps(*MACHINES[machine]))
    return ctypes.create_string_buffer(program, len(program))


def _steps(architecture: int, column: int) -> list[Step]:
    steps = [_load(MACHINE_AT), (EQUAL, 1, 0, architecture), REFUSE, _load(NUMBER_AT)]
    if column == 0:
        steps += [(AT_LEAST, 0, 1, X32), REFUSE]
    steps += _where(CLONE3[column], [UNKNOWN])  # what it asks for is out of a filter's sight
    for numbers in REFUSED.values():
        if (number := numbers[column]) is not None:
            steps += _where(number, [REFUSE])
    steps += _where(CLONE[column], _only_threads())
    steps += _where(PRLIMIT[column], _only_asking())
    steps += _where(FCNTL[column], _but_not(1, F_SETOWN, F_SETOWN_EX))
    steps += _where(PRCTL[column], _but_not(0, PR_SET_PDEATHSIG, PR_SET_DUMPABLE))
    return [*steps, ALLOW]


def _load(at: int) -> Step:
    return (LOAD, 0, 0, at)


def _where(number: int, then: list[Step]) -> list[Step]:
    """`then` for that call, which ends in answers; a jump over it for every other one."""
    return [(EQUAL, 0, len(then), number), *then]


def _only_threads() -> list[Step]:
    return [_load(ARGUMENTS_AT), (ANY_OF, 1, 0, CLONE_THREAD), REFUSE, ALLOW]


def _only_asking() -> list[Step]:
    """The third argument, where new limits would be, is no address: neither half of it."""
    new = ARGUMENTS_AT + 16
    halves = [_load(new), (EQUAL, 0, 2, 0), _load(new + 4), (EQUAL, 1, 0, 0)]
    return [*halves, REFUSE, ALLOW]


def _but_not(place: int, *values: int) -> list[Step]:
    """Whatever the argument at that place is, except these."""
    tests = [step for value in values for step in ((EQUAL, 0, 1, value), REFUSE)]
    return [_load(ARGUMENTS_AT + 8 * place), *tests, ALLOW]
