/// How far lanes must be committed so that the ledger has everything that was read or written of them up to a moment.
package struct CommitGoals: Sendable, Equatable {
  package struct Goal: Sendable, Equatable {
    /// The incarnation in which the goal was set; nil where the lane was not owned.
    package var incarnation: Int64?
    package var position: EntryID
  }

  /// How the lanes stand to their goals.
  package enum Progress: Sendable, Equatable {
    case underWay, reached
    /// A lane has been released since, or its stream was replaced: its goal means nothing any more.
    case void
  }

  package var goals: [String: Goal]

  /// - Parameter progress: a lane's incarnation and committed position; nil where it is not owned.
  func progress(_ lane: (String) -> (incarnation: Int64, position: EntryID)?) -> Progress {
    var progress = Progress.reached
    for (name, goal) in goals {
      let now = lane(name)
      if let incarnation = goal.incarnation, now?.incarnation != incarnation { return .void }
      if now.map({ $0.position < goal.position }) ?? true { progress = .underWay }
    }
    return progress
  }
}

extension WorkerState {
  /// Returns the goals for lanes whose streams end at these entries. What was read is a part of the goal, because it may have been of a stream
  /// that Redis has lost.
  ///
  /// - Parameters:
  ///   - ends: the last entry of each lane's stream; nil where there is no stream.
  ///   - limit: the last entry that must be committed.
  package func commitGoals(_ ends: [String: EntryID?], through limit: EntryID = .max) -> CommitGoals {
    CommitGoals(
      goals: Dictionary(
        uniqueKeysWithValues: ends.map { name, end in
          let owned = scheduler.lanes[name]
          let position = max(end ?? .zero, owned?.readPosition ?? .zero)
          return (name, CommitGoals.Goal(incarnation: owned?.record.incarnation, position: min(position, limit)))
        }))
  }

  package func progress(towards goals: CommitGoals) -> CommitGoals.Progress {
    goals.progress { name in scheduler.lanes[name].map { ($0.record.incarnation, $0.record.cursor.position) } }
  }
}
