extension EntryBlock {
  /// Creates a block of one entry, from alternating names and values.
  package init(id: EntryID, raw: [[UInt8]]) {
    self.init()
    for (name, value) in raw.alternatingPairs {
      let start = UInt32(bytes.count)
      bytes += name + value
      fields.append(
        Field(
          nameStart: start, nameLength: UInt32(name.count), valueStart: start + UInt32(name.count), valueLength: UInt32(value.count)))
    }
    entries = [Entry(id: id, firstField: 0, fieldCount: UInt32(fields.count))]
    sections = [Section(lane: 0, entries: 0..<1)]
  }
}
