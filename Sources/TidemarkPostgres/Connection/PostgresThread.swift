import Glibc

/// The thread of one connection, as the executor of its actor, and of a task that does little else than call it: such a task changes
/// threads for no call.
///
/// libpq: "One thread restriction is that no two threads attempt to manipulate the same PGconn object at the same time.
/// In particular, you cannot issue concurrent commands from different threads through the same connection object."
/// (libpq documentation, "Behavior in Threaded Programs".) Every call on a `PGconn` happens in the actor, and so here.
///
/// A connection blocks this thread in `poll` and never a thread of the cooperative pool. The thread ends when the executor is
/// released: each queued job keeps it alive until the job has run.
final class PostgresThread: SerialExecutor, TaskExecutor {
  private let jobs = JobQueue()

  /// Starts the thread. Throws ``PostgresError`` where the system refuses another thread.
  init() throws {
    let jobs = jobs
    let status = DetachedThread.start {
      while let (job, executor) = jobs.next() {
        job.runSynchronously(isolatedTo: executor.asUnownedSerialExecutor(), taskExecutor: executor.asUnownedTaskExecutor())
      }
    }
    guard status == 0 else {
      throw PostgresError(.connection, "cannot start a thread for the connection: \(String(cString: strerror(status)))")
    }
  }

  deinit {
    jobs.stop()
  }

  func enqueue(_ job: consuming ExecutorJob) {
    jobs.append(UnownedJob(job), self)
  }

  func asUnownedSerialExecutor() -> UnownedSerialExecutor {
    UnownedSerialExecutor(ordinary: self)
  }

  func asUnownedTaskExecutor() -> UnownedTaskExecutor {
    UnownedTaskExecutor(ordinary: self)
  }
}

/// Jobs that wait for the thread.
///
/// `@unchecked Sendable`: `waiting` and `isStopped` are touched only while `mutex` is held.
private final class JobQueue: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var waiting: [(UnownedJob, PostgresThread)] = []
  private var isStopped = false

  init() {
    mutex.initialize(to: pthread_mutex_t())
    condition.initialize(to: pthread_cond_t())
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(condition, nil)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  func append(_ job: UnownedJob, _ executor: PostgresThread) {
    pthread_mutex_lock(mutex)
    waiting.append((job, executor))
    pthread_mutex_unlock(mutex)
    // Not before: the thread would wake to wait for the mutex.
    pthread_cond_signal(condition)
  }

  /// The oldest job, waiting for one. Nil once stopped.
  func next() -> (UnownedJob, PostgresThread)? {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while waiting.isEmpty, !isStopped {
      pthread_cond_wait(condition, mutex)
    }
    // Few jobs ever wait: a connection has one caller.
    return waiting.isEmpty ? nil : waiting.removeFirst()
  }

  func stop() {
    pthread_mutex_lock(mutex)
    isStopped = true
    pthread_cond_signal(condition)
    pthread_mutex_unlock(mutex)
  }
}

/// A POSIX thread that nobody joins.
enum DetachedThread {
  private final class Body: Sendable {
    let run: @Sendable () -> Void

    init(_ run: @escaping @Sendable () -> Void) {
      self.run = run
    }
  }

  /// Runs `body` on a new thread. Returns 0, or the error number of `pthread_create`.
  static func start(_ body: @escaping @Sendable () -> Void) -> Int32 {
    let context = Unmanaged.passRetained(Body(body))
    var thread = pthread_t()
    let status = pthread_create(
      &thread, nil,
      { argument in
        guard let argument else { return nil }
        Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
        return nil
      }, context.toOpaque())
    if status == 0 {
      pthread_detach(thread)
    } else {
      context.release()
    }
    return status
  }
}
