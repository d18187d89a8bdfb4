/// How far a sweep over the remembered producers' ids has come.
package struct EventIDPlace: Sendable, Equatable {
  /// Whether it still goes over the earlier positions of ids that were applied several times.
  package var isEarlier: Bool
  package var page: Int64

  package init(isEarlier: Bool, page: Int64) {
    self.isEarlier = isEarlier
    self.page = page
  }

  /// Where a sweep begins.
  package static let first = EventIDPlace(isEarlier: true, page: 0)
  package static let latest = EventIDPlace(isEarlier: false, page: 0)
}
