internal import CMalloc

/// Limits the memory that the process keeps after it was freed.
enum MemoryPolicy {
  /// The size in bytes from which a freed block is returned to the system: more than replies and batches normally take.
  private static let large: Int32 = 4 << 20

  /// The bytes that may stay unused at the end of a heap. Below this size replies and batches reuse memory without asking the system, which
  /// would clear their pages each time (measured: a sixth of a drain's CPU).
  private static let spare: Int32 = 8 << 20
  /// The largest number of heaps, each with its own spare bytes; glibc's default is eight per core.
  private static let heaps: Int32 = 4

  /// Keeps glibc from raising the mmap threshold when the first large block is freed: afterwards an entry of 30 MB would keep its memory
  /// allocated forever (measured: ten messages of 31 MiB in a row peak at 200 MiB instead of 233).
  static func set() {
    mallopt(M_MMAP_THRESHOLD, large)
    mallopt(M_TRIM_THRESHOLD, spare)
    mallopt(M_ARENA_MAX, heaps)
  }
}
