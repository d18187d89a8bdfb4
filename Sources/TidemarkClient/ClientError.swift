/// What prevented an operation of ``TidemarkClient``.
///
/// The description is one line, and holds no content of a session and no secret.
public struct ClientError: Error, Sendable, Equatable, CustomStringConvertible {
  public enum Code: Sendable, Equatable {
    /// A field breaks a rule; nothing was written. `append_all` writes all or none.
    case invalid(field: String)
    /// The session's last number is not the expected one: another writer was first. Load the session, decide again, and repeat.
    case conflict(last: Int64)
    /// The event id was used for a change with another content.
    case eventIDReused
    /// Agents are asked to stop (`pressure.enforce`); try again later.
    case stopped
    /// The session is not in Redis, and no worker restored it in time.
    case notRestored
    /// The change was not durable in time. It may become durable later.
    case notInTime
    /// Redis lost the change before it was durable, or the change is older than what Redis still holds.
    case lost
    /// The change is a dead letter: it was decided, and is not applied. The reason is one of `tidemark dead-letters`.
    case deadLetter(reason: String)
    /// Redis lacks the functions, or the installation; run `tidemark migrate`.
    case notInstalled
    /// Redis can't be reached or refuses the operation.
    case unavailable
  }

  public var code: Code
  public var message: String

  init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  public var description: String { message }
}
