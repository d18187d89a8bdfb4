extension EntryBlock {
  /// Creates a block of one entry, from alternating names and values.
  package init(id: EntryID, raw: [[UInt8]]) {
    self.init()
    for index in stride(from: 0, to: raw.count - 1, by: 2) {
      let start = UInt32(bytes.count)
      bytes += raw[index] + raw[index + 1]
      fields.append(
        Field(
          nameStart: start, nameLength: UInt32(raw[index].count), valueStart: start + UInt32(raw[index].count),
          valueLength: UInt32(raw[index + 1].count)))
    }
    entries = [Entry(id: id, firstField: 0, fieldCount: UInt32(fields.count))]
    sections = [Section(lane: 0, entries: 0..<1)]
  }
}
