internal import NIOCore

/// An event loop as the place where a task runs that does little else than call the connections of that loop: such a task changes threads
/// for no call. What runs there must not block.
final class EventLoopTaskExecutor: TaskExecutor {
  private let eventLoop: any EventLoop

  init(_ eventLoop: any EventLoop) {
    self.eventLoop = eventLoop
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    eventLoop.execute { [self] in
      job.runSynchronously(isolatedTo: eventLoop.executor.asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
    }
  }

  func asUnownedTaskExecutor() -> UnownedTaskExecutor {
    UnownedTaskExecutor(ordinary: self)
  }
}
