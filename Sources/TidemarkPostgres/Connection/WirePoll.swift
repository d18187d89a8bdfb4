import Glibc

/// `poll` on a socket and a bell, with a deadline.
enum WirePoll {
  enum Outcome {
    /// The socket: which events.
    case ready(Int16)
    /// Another thread has notified this one.
    case bell
    case timeUp
  }

  static func wait(_ socket: Int32, _ events: Int16, bell: WakeBell?, until deadline: ContinuousClock.Instant) -> Outcome {
    let ringing = pollfd(fd: bell?.descriptor ?? -1, events: Int16(POLLIN), revents: 0)
    var descriptors = (pollfd(fd: socket, events: events, revents: 0), ringing)
    while true {
      let remaining = max(0, min((deadline - .now).milliseconds, 3_600_000))
      let count = withUnsafeMutableBytes(of: &descriptors) { bytes in
        // A tuple of one type is laid out like an array of it.
        poll(bytes.bindMemory(to: pollfd.self).baseAddress, 2, Int32(remaining))
      }
      if count > 0 {
        if descriptors.1.revents != 0 { bell?.silence() }
        // The socket first: an answer that is there is worth more than an interruption.
        return descriptors.0.revents != 0 ? .ready(descriptors.0.revents) : .bell
      }
      if count == 0, ContinuousClock.now >= deadline { return .timeUp }
      if count < 0, errno != EINTR, errno != EAGAIN { return .timeUp }
    }
  }
}
