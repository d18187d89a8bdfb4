internal import CMalloc

/// How the process deals with memory that it no longer needs.
enum MemoryPolicy {
  /// Bytes from which a block goes back to the system when it is freed: more than replies and batches take in ordinary times.
  private static let large: Int32 = 4 << 20

  /// Bytes that may lie unused at the end of a heap. Below it replies and batches come and go without asking the system, which would
  /// clear their pages each time (measured: a sixth of a drain's CPU).
  private static let spare: Int32 = 8 << 20
  /// Heaps at most, each with what it has to spare; by default there are eight for each core.
  private static let heaps: Int32 = 4

  /// Keeps glibc from raising the first size with the first large block that is freed: from then on an entry of 30 MB would leave its
  /// room behind for ever (measured: ten messages of 31 MiB in a row peak at 200 MiB instead of 233).
  static func set() {
    mallopt(M_MMAP_THRESHOLD, large)
    mallopt(M_TRIM_THRESHOLD, spare)
    mallopt(M_ARENA_MAX, heaps)
  }
}
