/// Turns an entry's fields into a change, or returns the reason why they are not one.
///
/// The decoder finds every fault that can be seen without Postgres. It holds scratch space, so each task must have its own; it can't be
/// copied, because every entry would pay for the copy.
package struct EntryDecoder: ~Copyable {
  package struct Limits: Sendable {
    package var maxEntryBytes: Int
    package var maxFields: Int
    /// Whether `text.unstorable` is `replace`: what Postgres can't store in a text becomes U+FFFD, also within JSON.
    package var replacesNUL: Bool

    package init(maxEntryBytes: Int, maxFields: Int = FlowLimits.defaultMaxFields, replacesNUL: Bool) {
      self.maxEntryBytes = maxEntryBytes
      self.maxFields = maxFields
      self.replacesNUL = replacesNUL
    }
  }

  private let catalog: [ChangeType]
  private let limits: Limits
  private var shapes: EntryShapes
  private var hasher = EntryHasher()

  package init(catalog: [ChangeType] = ChangeCatalog.builtIn, limits: Limits) {
    self.catalog = catalog
    self.shapes = EntryShapes(known: FieldNames(catalog: catalog))
    self.limits = limits
  }

  /// Fills `decoded` from an entry.
  ///
  /// - Throws: the ``Rejection`` that makes the entry a dead letter. `decoded.session` then holds the entry's session, and is empty where
  ///   the entry has no session that Postgres can store.
  package mutating func decode(_ entry: EntryBlock.Entry, of block: EntryBlock, into decoded: inout DecodedEntry) throws(Rejection) {
    decoded.reset()
    decoded.session = 0..<0
    decoded.typeName = 0..<0
    let outcome: Rejection? = block.withFields(of: entry) { fields, bytes in
      do throws(Rejection) {
        try checkSize(fields, entry, block)
        let shape = try shapes.shape(of: fields, bytes)
        try checkText(fields, bytes, &decoded)
        try assign(fields, shape, bytes, &decoded)
        if decoded.isEphemeral { return nil }
        guard entry.id.fitsLedger else { throw Rejection.unstorableID }
        let digests = hasher.digests(fields, shape.order, bytes)
        (decoded.digest, decoded.contentDigest) = (digests.entry, digests.content)
        try readEnvelope(fields, shape, bytes, entry, &decoded)
        var room = NumberRoom(entryBytes: EntryBlock.size(of: fields))
        try checkFields(bytes, &room, &decoded)
        return nil
      } catch {
        // The session is found even where the entry was rejected before its envelope was read: it tells to whom the dead letter belongs.
        decoded.session = Self.session(of: fields, bytes)
        if TextCheck.hasNUL(bytes, decoded.session) {
          if limits.replacesNUL { decoded.hasNUL = true } else { decoded.session = 0..<0 }
        }
        return error
      }
    }
    if let outcome { throw outcome }
  }

  /// Returns the digest of all of an entry's fields, even if the entry is rejected. Returns nil for an entry that was cut when it was read.
  mutating func digest(of entry: EntryBlock.Entry, in block: EntryBlock) -> ContentDigest? {
    guard block.isWhole(entry) else { return nil }
    return block.withFields(of: entry) { fields, bytes in hasher.digests(fields, FieldOrder(of: fields, bytes), bytes).entry }
  }

  private func checkSize(
    _ fields: UnsafeBufferPointer<EntryBlock.Field>, _ entry: EntryBlock.Entry, _ block: EntryBlock
  ) throws(Rejection) {
    if let oversized = block.oversized(entry) {
      throw Rejection(
        .entryTooLarge,
        "the entry has \(oversized.fieldCount) fields, more than limits.max_fields (\(limits.maxFields)); "
          + "behind the first \(fields.count) are \(oversized.restBytes) bytes, sha256 \(Hex.text(oversized.restDigest))")
    }
    guard fields.count <= limits.maxFields else {
      throw Rejection(.entryTooLarge, "the entry has \(fields.count) fields, more than limits.max_fields (\(limits.maxFields))")
    }
    guard !block.isWhole(entry) || EntryBlock.size(of: fields) > limits.maxEntryBytes else { return }
    throw Rejection(.entryTooLarge, "the entry is larger than limits.max_entry_bytes (\(limits.maxEntryBytes) bytes)")
  }

  private func checkText(
    _ fields: UnsafeBufferPointer<EntryBlock.Field>, _ bytes: UnsafeBufferPointer<UInt8>, _ decoded: inout DecodedEntry
  ) throws(Rejection) {
    // All fields are checked at once; they are checked one by one only where something is wrong.
    if TextCheck.areStorable(fields, bytes) { return }
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

  /// Assigns each field to its place: the envelope, the type's own fields, the fields under its prefix, or the extra fields.
  private func assign(
    _ fields: UnsafeBufferPointer<EntryBlock.Field>, _ shape: EntryShape, _ bytes: UnsafeBufferPointer<UInt8>, _ decoded: inout DecodedEntry
  ) throws(Rejection) {
    decoded.type = shape.type
    decoded.values.append(contentsOf: repeatElement(nil, count: shape.type.map { catalog[$0].fields.count } ?? 0))
    var ephemeral: Range<Int>?
    for (field, role) in zip(fields, shape.roles) {
      switch role {
      case .envelope(.type): decoded.typeName = field.value
      case .envelope(.session): decoded.session = field.value
      case .envelope(.ephemeral): ephemeral = field.value
      case .envelope: break
      case .value(let slot): decoded.values[slot] = field.value
      case .prefixed: decoded.prefixed.append(field)
      case .extra: decoded.extras.append(field)
      }
    }
    // All fields of an entry of an unknown type are kept together.
    if shape.type == nil {
      decoded.extras.removeAll(keepingCapacity: true)
      decoded.extras.append(contentsOf: fields)
    }
    if let ephemeral { decoded.isEphemeral = try Self.flag(bytes, ephemeral, "ephemeral") }
  }

  private func readEnvelope(
    _ fields: UnsafeBufferPointer<EntryBlock.Field>, _ shape: EntryShape, _ bytes: UnsafeBufferPointer<UInt8>, _ entry: EntryBlock.Entry,
    _ decoded: inout DecodedEntry
  ) throws(Rejection) {
    let (session, typeName) = (decoded.session, decoded.typeName)
    try required(typeName, "type", fields, bytes)
    try required(session, "session", fields, bytes)
    try Self.checkLength(typeName, "type", ChangeCatalog.typeLimit)
    try Self.checkLength(session, "session", ChangeCatalog.sessionLimit)
    decoded.occurredMilliseconds = Int64(clamping: min(entry.id.ms, UInt64(EntryTime.last)))
    for (field, role) in zip(fields, shape.roles) {
      guard case .envelope(let slot) = role else { continue }
      if field.value.isEmpty, slot.isNumber { continue }
      switch slot {
      case .eventID:
        try Self.checkName(field.value, "event_id")
        decoded.eventID = field.value
      case .actor: decoded.actor = field.value
      case .trace: decoded.trace = field.value
      case .seq: decoded.seq = try Self.integer(bytes, field.value, "seq")
      case .epoch: decoded.epoch = try Self.integer(bytes, field.value, "epoch")
      case .version: decoded.version = try Self.integer(bytes, field.value, "v", within: 0...Int64(Int32.max))
      case .time:
        decoded.occurredMilliseconds = try Self.integer(bytes, field.value, "ts")
        if let problem = EntryTime.problem(decoded.occurredMilliseconds, of: entry.id) {
          throw Rejection(.invalidField, "the field ts \(problem)")
        }
      case .type, .session, .ephemeral: break
      }
    }
  }

  /// Checks the fields of the type against their rules.
  private func checkFields(
    _ bytes: UnsafeBufferPointer<UInt8>, _ room: inout NumberRoom, _ decoded: inout DecodedEntry
  ) throws(Rejection) {
    guard let index = decoded.type else { return }
    let type = catalog[index]
    for (slot, rule) in type.fields.enumerated() where rule.isAbsentWhenEmpty && decoded.values[slot]?.isEmpty == true {
      decoded.values[slot] = nil
    }
    decoded.prefixed.removeAll { $0.value.isEmpty }
    var escapes = UnstorableEscapes(areReplaced: limits.replacesNUL)
    // Required fields are checked before the values of those that are given: an empty role counts as missing.
    for rule in type.rules {
      if case .unless = rule { try check(rule, of: type, decoded, bytes) }
    }
    for (slot, rule) in type.fields.enumerated() {
      guard let value = decoded.values[slot] else {
        if rule.isRequired { throw missing([rule.name], decoded.extras, bytes) }
        continue
      }
      if rule.isRequired, value.isEmpty { throw Rejection(.missingField, "the field \(rule.name) is empty") }
      if try !FieldCheck.keeps(value, of: rule, in: bytes, room: &room, escapes: &escapes) { decoded.values[slot] = nil }
    }
    for field in decoded.prefixed {
      if let problem = JSONCheck.problem(in: UnsafeBufferPointer(rebasing: bytes[field.value]), room: &room, escapes: &escapes) {
        throw Rejection(.badJSON, "the field \(FieldNames.shown(bytes, field.name)) \(problem)")
      }
    }
    decoded.hasUnstorableEscapes = escapes.wereFound
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
    _ value: Range<Int>, _ name: String, _ fields: UnsafeBufferPointer<EntryBlock.Field>, _ bytes: UnsafeBufferPointer<UInt8>
  ) throws(Rejection) {
    guard value.isEmpty else { return }
    let isGiven = fields.contains { ByteOrder.isEqual(bytes, $0.name, name) }
    throw isGiven ? Rejection(.missingField, "the field \(name) is empty") : missing([name], Array(fields), bytes)
  }

  private func missing(_ names: [String], _ others: [EntryBlock.Field], _ bytes: UnsafeBufferPointer<UInt8>) -> Rejection {
    let detail = "the field \(names.joined(separator: " or ")) is missing"
    // Only the first few fields are compared: an entry may have a million fields, and a comparison goes letter by letter.
    let given = Array(others.lazy.filter { $0.name.count <= 64 }.prefix(64))
    for name in names {
      let texts = given.map { String(decoding: bytes[$0.name], as: UTF8.self) }
      guard let near = NearestName.of(name, in: texts), let index = texts.firstIndex(of: near) else { continue }
      return Rejection(.missingField, "\(detail); is it \(FieldNames.shown(bytes, given[index].name))?")
    }
    return Rejection(.missingField, detail)
  }
}
