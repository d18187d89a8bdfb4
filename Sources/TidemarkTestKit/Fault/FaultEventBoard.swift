/// The events of a ``FaultProxy`` and those who wait for them; each event is given to one of them.
struct FaultEventBoard {
  private struct Waiter {
    let accepts: (FaultEvent) -> Bool
    let wake: CheckedContinuation<FaultEvent, any Error>
  }

  private var unclaimed: [FaultEvent] = []
  private var waiters: [Int: Waiter] = [:]
  private var lastNumber = 0

  /// Gives `event` to the first who waits for one like it, else keeps it.
  mutating func post(_ event: FaultEvent) {
    guard let number = waiters.keys.sorted().first(where: { waiters[$0]?.accepts(event) == true }) else {
      return unclaimed.append(event)
    }
    waiters.removeValue(forKey: number)?.wake.resume(returning: event)
  }

  /// The first such event that happened and was given to nobody.
  mutating func take(_ accepts: (FaultEvent) -> Bool) -> FaultEvent? {
    unclaimed.firstIndex(where: accepts).map { unclaimed.remove(at: $0) }
  }

  /// A number for one who will wait.
  mutating func number() -> Int {
    lastNumber += 1
    return lastNumber
  }

  mutating func wait(_ number: Int, for accepts: @escaping (FaultEvent) -> Bool, wake: CheckedContinuation<FaultEvent, any Error>) {
    waiters[number] = Waiter(accepts: accepts, wake: wake)
  }

  /// Ends a wait in vain. No such waiter is no error: its event came first.
  mutating func fail(_ number: Int, _ error: any Error) {
    waiters.removeValue(forKey: number)?.wake.resume(throwing: error)
  }

  mutating func failAll(_ error: any Error) {
    for waiter in waiters.values { waiter.wake.resume(throwing: error) }
    waiters = [:]
  }
}
