/// Decides which sessions leave one server because it has reached `pressure.memory`: those that have not been used for longest, in portions, until
/// the server is so far below the limit that its agents may write again.
///
/// Sessions are not removed beyond that, because each costs a restore when it is used again. If removing stopped earlier, agents would be asked to
/// stop while Redis holds what nobody uses.
struct MemoryRelief: Sendable {
  enum Step: Sendable, Equatable {
    /// Find out how full the server of this session is; then call ``measured(_:limit:)``.
    case measure(beside: String)
    /// Remove these sessions, the oldest first, and count those that left in ``evicted``.
    case evict([FoundSession])
    case done
  }

  /// The number of sessions that are remembered while the pages of a server are found: some megabytes.
  static let capacity = 10_000
  /// The number of sessions of a portion. Memory is measured after each. The first portion is small, and each is twice the one before, so that the
  /// number of sessions that leave in vain is in proportion to those that have to.
  static let portions = 10...500

  private var oldest = OldestSessions(capacity: capacity)
  private var portion = portions.lowerBound
  /// Whether the server is full, as measured since the last portion; nil where it was not measured since.
  private var isFull: Bool?
  /// The number of sessions that left.
  var evicted = 0

  /// Takes a session that may leave.
  mutating func found(_ session: FoundSession) { oldest.insert(session) }

  mutating func next() -> Step {
    guard let first = oldest.oldest() else { return .done }
    switch isFull {
    case nil: return .measure(beside: first.id)
    case false?: return .done
    case true?:
      isFull = nil
      defer { portion = min(portion * 2, Self.portions.upperBound) }
      return .evict(oldest.takeOldest(portion))
    }
  }

  /// - Parameters:
  ///   - memory: the share of its `maxmemory` that the server uses; nil where there is no limit, or where it is not known.
  ///   - limit: `pressure.memory`.
  mutating func measured(_ memory: Double?, limit: Double) {
    isFull = memory.map { $0 >= limit - PressureGauge.memoryMargin } ?? false
  }

  /// Whether the next search will find more: sessions left, which was not enough, and more were found than could be remembered.
  var hasMore: Bool { oldest.isIncomplete && evicted > 0 && isFull != false }
}
