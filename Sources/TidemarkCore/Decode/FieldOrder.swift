/// The order in which an entry's fields are hashed: by name, and where a name is given twice, by value.
struct FieldOrder: Sendable {
  /// The indices of the fields that are the entry's content.
  let content: [Int]
  /// The indices of `event_id`, `trace` and `ts`, which a producer that repeats a change may write anew, and of `seq` and `epoch`, which the
  /// function library gives anew to a change that it does not remember.
  let delivery: [Int]

  init(of fields: UnsafeBufferPointer<EntryBlock.Field>, _ bytes: UnsafeBufferPointer<UInt8>) {
    let order = (0..<fields.count).sorted { left, right in
      let (first, second) = (fields[left], fields[right])
      let order = ByteOrder.compare(bytes, first.name, second.name)
      return order == 0 ? ByteOrder.isLess(bytes, first.value, second.value) : order < 0
    }
    func isDelivery(_ place: Int) -> Bool {
      switch FieldNames.envelopeSlot(bytes, fields[place].name) {
      case .eventID, .trace, .time, .seq, .epoch: true
      default: false
      }
    }
    content = order.filter { !isDelivery($0) }
    delivery = order.filter(isDelivery)
  }
}
