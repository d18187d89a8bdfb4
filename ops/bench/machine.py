"""What the machine and one of its processes have used so far, from /proc."""

import os

TICKS = os.sysconf("SC_CLK_TCK")
CORES = len(os.sched_getaffinity(0))


def cpu_of(pid: int) -> float:
    """User and system seconds of a process and of its children that ended."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:15])) / TICKS


def cpu_of_family(pid: int) -> float:
    """The same with its children that run."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
        pids = [pid, *map(int, children.read().split())]
    total = 0.0
    for one in pids:
        try:
            total += cpu_of(one)
        except FileNotFoundError:
            pass  # it ended meanwhile: from now on it counts with its parent
    return total


def peak_memory(pid: int) -> int:
    """The largest resident memory, in bytes. Not from wait4: what that tells includes the process that started it."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    raise RuntimeError(f"no VmHWM for process {pid}")


def machine_cpu() -> float:
    """Seconds that the cores worked for anybody, or were taken from this machine."""
    with open("/proc/stat", encoding="ascii") as stat:
        user, nice, system, _, _, interrupts, soft, stolen = map(int, stat.readline().split()[1:9])
    return (user + nice + system + interrupts + soft + stolen) / TICKS
