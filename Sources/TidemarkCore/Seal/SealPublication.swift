/// Decides whether the head of a lane's chain replaces the one that Redis holds.
///
/// Redis' head is evidence of what Postgres had: it is replaced only by a head whose chain contains it. Where the chain does not, Postgres was
/// set back or changed, and `audit` must be able to say so.
package struct SealPublication: Sendable {
  package enum Step: Sendable, Equatable {
    /// Nothing: Redis holds this head.
    case done
    /// Write it where Redis still holds what it held.
    case write
    /// Ask the ledger whether the chain contains the head that Redis holds; then call ``after(isContained:)``.
    case ask(SealHead)
  }

  package let head: SealHead
  /// The head that Redis holds; nil: none.
  package let held: SealHead?

  package init(_ head: SealHead, over held: SealHead?) {
    self.head = head
    self.held = held
  }

  package var step: Step {
    guard let held else { return .write }
    return held == head ? .done : .ask(held)
  }

  /// Returns whether the head is written, once it is known whether the chain contains the one that Redis holds.
  package func isWritten(ifContained isContained: Bool) -> Bool { isContained && (held?.throughNo ?? 0) <= head.throughNo }
}
