import TidemarkCore
import TidemarkTestKit

/// The clock, the chance and the only thread of a simulated world.
///
/// All tasks of the world run on the thread that calls ``run(until:)``, one job at a time, in an order that the seed chooses. Time stands still
/// while a job is ready, and jumps to the next sleeper when none is. The same seed makes the same run.
///
/// `@unchecked Sendable`: only that one thread touches it, since every task that could do so runs there.
final class SimulatedTime: WorkerClock, @unchecked Sendable {
  private struct Sleeper {
    var deadline: ContinuousClock.Instant
    var id: Int
    var continuation: CheckedContinuation<Void, any Error>
  }

  static let epoch = ContinuousClock.now

  private(set) var now = SimulatedTime.epoch
  private(set) var jobs = 0
  var seeded: SeededGenerator
  private var ready: [(job: UnownedJob, machine: SimulatedMachine)] = []
  /// Ordered by their deadlines, the next one last.
  private var sleepers: [Sleeper] = []
  private var nextSleeper = 0
  private var cancelledEarly: Set<Int> = []

  init(seed: UInt64) {
    seeded = SeededGenerator(seed: seed)
  }

  var milliseconds: Int64 { Int64((now - Self.epoch) / .milliseconds(1)) }

  func random() -> Double { Double.random(in: 0..<1, using: &seeded) }

  func add(_ job: UnownedJob, on machine: SimulatedMachine) { ready.append((job, machine)) }

  func sleep(until deadline: ContinuousClock.Instant) async throws {
    nextSleeper += 1
    let id = nextSleeper
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
        if cancelledEarly.remove(id) != nil {
          continuation.resume(throwing: CancellationError())
        } else if deadline <= now {
          continuation.resume()
        } else {
          insert(Sleeper(deadline: deadline, id: id, continuation: continuation))
        }
      }
    } onCancel: {
      if let index = sleepers.firstIndex(where: { $0.id == id }) {
        sleepers.remove(at: index).continuation.resume(throwing: CancellationError())
      } else {
        cancelledEarly.insert(id)
      }
    }
  }

  private func insert(_ sleeper: Sleeper) {
    var (low, high) = (0, sleepers.count)
    while low < high {
      let middle = (low + high) / 2
      if sleepers[middle].deadline > sleeper.deadline { low = middle + 1 } else { high = middle }
    }
    sleepers.insert(sleeper, at: low)
  }

  /// Runs what is ready, and lets time pass, until `isOver`. False where nothing is left that could ever happen.
  func run(until isOver: () -> Bool) -> Bool {
    while !isOver() {
      if ready.isEmpty {
        guard let next = sleepers.popLast() else { return false }
        now = max(now, next.deadline)
        next.continuation.resume()
        continue
      }
      let index = seeded.below(ready.count)
      ready.swapAt(index, ready.count - 1)
      let (job, machine) = ready.removeLast()
      jobs += 1
      job.runSynchronously(on: machine.asUnownedTaskExecutor())
    }
    return true
  }
}

/// A machine of the simulated world: it can be frozen, and then nothing on it moves until it thaws.
final class SimulatedMachine: TaskExecutor, @unchecked Sendable {
  private let time: SimulatedTime
  private var held: [UnownedJob] = []
  private(set) var isFrozen = false

  init(_ time: SimulatedTime) {
    self.time = time
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    if isFrozen { held.append(job) } else { time.add(job, on: self) }
  }

  func freeze() { isFrozen = true }

  func thaw() {
    isFrozen = false
    for job in held { time.add(job, on: self) }
    held = []
  }
}
