internal import Crypto

/// Turns an entry's fields into a change, or says why it is none.
///
/// Finds every fault that can be seen without Postgres. Holds scratch space: one decoder a task, not shared.
package struct EntryDecoder {
  package struct Limits: Sendable {
    package var maxEntryBytes: Int
    /// `text.unstorable: replace`: a NUL in a text becomes U+FFFD.
    package var replacesNUL: Bool

    package init(maxEntryBytes: Int, replacesNUL: Bool) {
      self.maxEntryBytes = maxEntryBytes
      self.replacesNUL = replacesNUL
    }
  }

  /// The last moment that a timestamp may name: the end of the year 9999.
  static let lastMillisecond: Int64 = 253_402_300_799_999

  private let catalog: [ChangeType]
  private let names: FieldNames
  private let limits: Limits
  private var order: [Int] = []
  private var canonical: [UInt8] = []

  package init(catalog: [ChangeType] = ChangeCatalog.builtIn, limits: Limits) {
    self.catalog = catalog
    self.names = FieldNames(catalog: catalog)
    self.limits = limits
  }

  /// Fills `decoded` from an entry. Throws the ``Rejection`` that makes it a dead letter; `decoded.session` is then set if it is usable.
  package mutating func decode(_ entry: EntryBlock.Entry, of block: EntryBlock, into decoded: inout DecodedEntry) throws(Rejection) {
    decoded.reset()
    decoded.session = 0..<0
    decoded.typeName = 0..<0
    let fields = block.fields(of: entry)
    let outcome: Rejection? = block.bytes.withUnsafeBufferPointer { bytes in
      do throws(Rejection) {
        try checkSize(entry, fields, block)
        try sortNames(fields, bytes)
        try checkText(fields, bytes, &decoded)
        try assign(fields, bytes, &decoded)
        if decoded.isEphemeral { return nil }
        decoded.digest = digest(fields, bytes)
        try readEnvelope(fields, bytes, entry, &decoded)
        try checkFields(bytes, &decoded)
        return nil
      } catch {
        if decoded.session.count > ChangeCatalog.sessionLimit { decoded.session = 0..<0 }
        return error
      }
    }
    if let outcome { throw outcome }
  }

  private func checkSize(_ entry: EntryBlock.Entry, _ fields: ArraySlice<EntryBlock.Field>, _ block: EntryBlock) throws(Rejection) {
    let cut = block.truncations.contains { fields.indices.contains($0.field) }
    guard cut || block.size(of: entry) > limits.maxEntryBytes else { return }
    throw Rejection(.entryTooLarge, "the entry is larger than limits.max_entry_bytes (\(limits.maxEntryBytes) bytes)")
  }

  /// Sorts the fields by name, for the digest and to find a name that is given twice.
  private mutating func sortNames(_ fields: ArraySlice<EntryBlock.Field>, _ bytes: UnsafeBufferPointer<UInt8>) throws(Rejection) {
    order.removeAll(keepingCapacity: true)
    order.append(contentsOf: fields.indices)
    order.sort { ByteOrder.isLess(bytes, fields[$0].name, fields[$1].name) }
    for index in order.indices.dropFirst() {
      let name = fields[order[index]].name
      guard !ByteOrder.isEqual(bytes, name, fields[order[index - 1]].name) else {
        throw Rejection(.repeatedField, "the field \(FieldNames.shown(bytes, name)) is given twice")
      }
    }
  }

  private func checkText(
    _ fields: ArraySlice<EntryBlock.Field>, _ bytes: UnsafeBufferPointer<UInt8>, _ decoded: inout DecodedEntry
  ) throws(Rejection) {
    for field in fields {
      for part in [field.name, field.value] where !TextCheck.isUTF8(bytes, part) {
        throw Rejection(.badUTF8, "the field \(FieldNames.shown(bytes, field.name)) is not UTF-8")
      }
      if TextCheck.hasNUL(bytes, field.name) || TextCheck.hasNUL(bytes, field.value) {
        guard limits.replacesNUL else {
          throw Rejection(.unstorableText, "the field \(FieldNames.shown(bytes, field.name)) holds a NUL byte, which Postgres can't store")
        }
        decoded.hasNUL = true
      }
    }
  }

  /// Finds each field's place: envelope, the type's own, under its prefix, or extra.
  private func assign(
    _ fields: ArraySlice<EntryBlock.Field>, _ bytes: UnsafeBufferPointer<UInt8>, _ decoded: inout DecodedEntry
  ) throws(Rejection) {
    var ephemeral: Range<Int>?
    for field in fields {
      switch names.envelopeSlot(bytes, field.name) {
      case .type:
        decoded.typeName = field.value
        decoded.type = names.type(bytes, field.value)
      case .session: decoded.session = field.value
      case .ephemeral: ephemeral = field.value
      default: break
      }
    }
    if let ephemeral { decoded.isEphemeral = try Self.flag(bytes, ephemeral, "ephemeral") }
    guard let type = decoded.type else {
      // Nothing is known of its fields: all of them are kept together.
      decoded.extras.append(contentsOf: fields)
      return
    }
    decoded.values.append(contentsOf: repeatElement(nil, count: catalog[type].fields.count))
    for field in fields where names.envelopeSlot(bytes, field.name) == nil {
      if let slot = names.slot(bytes, field.name, type: type) {
        decoded.values[slot] = field.value
      } else if names.hasPrefix(bytes, field.name, type: type) {
        decoded.prefixed.append(field)
      } else {
        decoded.extras.append(field)
      }
    }
  }

  private func readEnvelope(
    _ fields: ArraySlice<EntryBlock.Field>, _ bytes: UnsafeBufferPointer<UInt8>, _ entry: EntryBlock.Entry,
    _ decoded: inout DecodedEntry
  ) throws(Rejection) {
    let (session, typeName) = (decoded.session, decoded.typeName)
    try required(typeName, "type", fields, bytes)
    try required(session, "session", fields, bytes)
    try Self.checkLength(typeName, "type", ChangeCatalog.typeLimit)
    try Self.checkLength(session, "session", ChangeCatalog.sessionLimit)
    decoded.occurredMilliseconds = Int64(clamping: min(entry.id.ms, UInt64(Self.lastMillisecond)))
    for field in fields {
      switch names.envelopeSlot(bytes, field.name) {
      case .eventID:
        try Self.checkName(field.value, "event_id")
        decoded.eventID = field.value
      case .actor: decoded.actor = field.value
      case .trace: decoded.trace = field.value
      case .seq: decoded.seq = try Self.integer(bytes, field.value, "seq")
      case .epoch: decoded.epoch = try Self.integer(bytes, field.value, "epoch")
      case .version: decoded.version = try Self.integer(bytes, field.value, "v", within: 0...Int64(Int32.max))
      case .time: decoded.occurredMilliseconds = try Self.integer(bytes, field.value, "ts", within: 0...Self.lastMillisecond)
      default: break
      }
    }
  }

  /// Holds the type's fields against their rules.
  private func checkFields(_ bytes: UnsafeBufferPointer<UInt8>, _ decoded: inout DecodedEntry) throws(Rejection) {
    guard let index = decoded.type else { return }
    let type = catalog[index]
    // What is required comes before what is given: an empty role is a missing one.
    for rule in type.rules {
      if case .unless = rule { try check(rule, of: type, decoded, bytes) }
    }
    for (slot, rule) in type.fields.enumerated() {
      guard let value = decoded.values[slot] else {
        if rule.isRequired { throw missing([rule.name], decoded.extras, bytes) }
        continue
      }
      if rule.isRequired, value.isEmpty { throw Rejection(.missingField, "the field \(rule.name) is empty") }
      if try !FieldCheck.keeps(value, of: rule, in: bytes) { decoded.values[slot] = nil }
    }
    for field in decoded.prefixed {
      if let problem = JSONCheck.problem(in: UnsafeBufferPointer(rebasing: bytes[field.value])) {
        throw Rejection(.badJSON, "the field \(FieldNames.shown(bytes, field.name)) \(problem)")
      }
    }
    for rule in type.rules {
      if case .anyOf = rule { try check(rule, of: type, decoded, bytes) }
    }
  }

  private func check(
    _ rule: ChangeType.Rule, of type: ChangeType, _ decoded: DecodedEntry, _ bytes: UnsafeBufferPointer<UInt8>
  ) throws(Rejection) {
    func value(_ name: String) -> Range<Int>? {
      type.fields.firstIndex { $0.name == name }.flatMap { decoded.values[$0] }
    }
    switch rule {
    case .anyOf(let names):
      guard !names.contains(where: { value($0) != nil }) else { return }
      throw missing(names, decoded.extras, bytes)
    case .unless(let other, let names):
      guard value(other) == nil else { return }
      for name in names {
        guard let found = value(name) else { throw missing([name], decoded.extras, bytes) }
        if found.isEmpty, name != "content" { throw Rejection(.missingField, "the field \(name) is empty") }
      }
    }
  }

  private func required(
    _ value: Range<Int>, _ name: String, _ fields: ArraySlice<EntryBlock.Field>, _ bytes: UnsafeBufferPointer<UInt8>
  ) throws(Rejection) {
    guard value.isEmpty else { return }
    let isGiven = fields.contains { ByteOrder.isEqual(bytes, $0.name, name) }
    throw isGiven ? Rejection(.missingField, "the field \(name) is empty") : missing([name], Array(fields), bytes)
  }

  private func missing(_ names: [String], _ others: [EntryBlock.Field], _ bytes: UnsafeBufferPointer<UInt8>) -> Rejection {
    let detail = "the field \(names.joined(separator: " or ")) is missing"
    let given = others.filter { $0.name.count <= 64 }
    for name in names {
      let texts = given.map { String(decoding: bytes[$0.name], as: UTF8.self) }
      guard let near = NearestName.of(name, in: texts), let index = texts.firstIndex(of: near) else { continue }
      return Rejection(.missingField, "\(detail); is it \(FieldNames.shown(bytes, given[index].name))?")
    }
    return Rejection(.missingField, detail)
  }

  /// Bytes of a value above which it is hashed where it lies instead of being copied first.
  private static let largeValue = 64 << 10

  private func digestInPlace(_ fields: ArraySlice<EntryBlock.Field>, _ bytes: UnsafeBufferPointer<UInt8>) -> ContentDigest {
    var hash = SHA256()
    for index in order {
      for part in [fields[index].name, fields[index].value] {
        withUnsafeBytes(of: UInt32(part.count).littleEndian) { hash.update(bufferPointer: $0) }
        hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[part]))
      }
    }
    return ContentDigest(hash.finalize())
  }

  private mutating func digest(_ fields: ArraySlice<EntryBlock.Field>, _ bytes: UnsafeBufferPointer<UInt8>) -> ContentDigest {
    if fields.contains(where: { $0.valueLength > Self.largeValue }) { return digestInPlace(fields, bytes) }
    canonical.removeAll(keepingCapacity: true)
    for index in order {
      for part in [fields[index].name, fields[index].value] {
        withUnsafeBytes(of: UInt32(part.count).littleEndian) { canonical.append(contentsOf: $0) }
        canonical.append(contentsOf: bytes[part])
      }
    }
    return canonical.withUnsafeBytes { ContentDigest(of: $0) }
  }
}
