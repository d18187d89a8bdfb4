import Foundation
import NIOCore

/// The ways in which a connection ends. On the channel's event loop only.
extension Channel {
  /// Closes our half once all that was written is with the kernel, which sends the FIN behind it.
  func endBehindWhatWasWritten() {
    writeAndFlush(ByteBuffer()).whenComplete { _ in self.close(mode: .output, promise: nil) }
  }

  /// RST, without what is still under way to the other end.
  func resetNow() {
    // A lingering time of zero makes an RST of the close.
    (self as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenComplete { _ in self.close(promise: nil) }
  }

  /// RST once all that was written has been sent. An end that reads nothing more is waited for two seconds.
  func resetBehindWhatWasWritten() {
    writeAndFlush(ByteBuffer()).whenComplete { _ in self.resetWhenSent(before: .now() + .seconds(2)) }
  }

  private func resetWhenSent(before deadline: NIODeadline) {
    // No event tells that the kernel has sent the last byte: it can only be asked. Nearly always it has.
    guard isActive, unsentBytes > 0, NIODeadline.now() < deadline else { return resetNow() }
    eventLoop.scheduleTask(in: .milliseconds(1)) { self.resetWhenSent(before: deadline) }
  }

  /// What the kernel has of ours that it has not sent yet, for want of room at the other end.
  private var unsentBytes: Int32 {
    #if os(Linux)
      let outputQueueNotSent: UInt = 0x894B  // SIOCOUTQNSD of linux/sockios.h, a macro that Swift does not see
      let count = try? pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) { handle in
        var count: Int32 = 0
        return ioctl(handle, outputQueueNotSent, &count) == 0 ? count : 0
      }
      return count ?? 0
    #else
      return 0
    #endif
  }
}
