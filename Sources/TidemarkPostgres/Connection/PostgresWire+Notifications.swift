internal import CLibPQ
import Glibc

extension PostgresWire {
  /// Waits for a notification, and takes all that are there. False when the request's deadline passed without one.
  ///
  /// Nothing is under way that the server could cancel, so a cancelled request ends the wait at once and spares the connection.
  func awaitNotification() throws -> Bool {
    while true {
      if takeNotifications() { return true }
      if isCancelled { throw PostgresError(.cancelled, "cancelled while it waited for notifications") }
      guard PQsocket(handle) >= 0 else { throw lost() }
      switch WirePoll.wait(PQsocket(handle), Int16(POLLIN), bell: bell, until: deadline) {
      case .ready: if PQconsumeInput(handle) == 0 { throw lost() }
      case .bell: continue
      case .timeUp: return false
      }
    }
  }

  private func takeNotifications() -> Bool {
    var isNotified = false
    while let notification = PQnotifies(handle) {
      PQfreemem(notification)
      isNotified = true
    }
    return isNotified
  }
}
