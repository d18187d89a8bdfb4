internal import NIOCore

/// Runs tasks on an event loop. A task that mostly calls connections of this loop switches no thread for a call. Tasks that run here must
/// not block.
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
