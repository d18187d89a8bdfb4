/// The meaning of an entry's fields, which depends on their names and on the entry's type alone.
final class EntryShape: Sendable {
  enum Role: Sendable {
    case envelope(FieldNames.EnvelopeSlot)
    /// A field of the type, by its index in the catalog.
    case value(Int)
    case prefixed
    /// A field that is neither in the envelope nor in the type.
    case extra
  }

  /// The index of the type in the catalog; nil for an unknown type, whose entries are kept whole.
  let type: Int?
  /// The role of each field, in the order of the entry.
  let roles: [Role]
  let order: FieldOrder
  private let nameLengths: [UInt32]
  private let names: [UInt8]
  private let typeField: Int?
  private let typeName: [UInt8]

  /// Creates the shape of an entry. Throws where a name is given twice.
  init(
    _ fields: UnsafeBufferPointer<EntryBlock.Field>, _ bytes: UnsafeBufferPointer<UInt8>, known: FieldNames
  ) throws(Rejection) {
    func name(_ place: Int) -> Range<Int> { fields[place].name }
    order = FieldOrder(of: fields, bytes)
    for places in [order.content, order.delivery] {
      for (place, next) in zip(places, places.dropFirst()) where ByteOrder.isEqual(bytes, name(place), name(next)) {
        throw Rejection(.repeatedField, "the field \(FieldNames.shown(bytes, name(place))) is given twice")
      }
    }
    let slots = fields.map { FieldNames.envelopeSlot(bytes, $0.name) }
    let typeField = slots.firstIndex(of: .type)
    let typeName = typeField.map { fields[$0].value } ?? 0..<0
    let type = known.type(bytes, typeName)
    roles = zip(fields, slots).map { field, slot in
      if let slot { return .envelope(slot) }
      guard let type else { return .extra }
      if let place = known.slot(bytes, field.name, type: type) { return .value(place) }
      return known.hasPrefix(bytes, field.name, type: type) ? .prefixed : .extra
    }
    self.type = type
    self.typeField = typeField
    self.typeName = Array(bytes[typeName])
    nameLengths = fields.map(\.nameLength)
    names = fields.flatMap { bytes[$0.name] }
  }

  /// The number of bytes that the shape holds.
  var size: Int { names.count + typeName.count + 24 * roles.count }

  func matches(_ fields: UnsafeBufferPointer<EntryBlock.Field>, _ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    guard fields.count == roles.count else { return false }
    let raw = UnsafeRawBufferPointer(bytes)
    return names.withUnsafeBytes { names in
      var start = 0
      for (field, length) in zip(fields, nameLengths) {
        guard field.nameLength == length else { return false }
        let name = UnsafeRawBufferPointer(rebasing: raw[field.name])
        guard ByteOrder.compare(name, UnsafeRawBufferPointer(rebasing: names[start..<start + Int(length)])) == 0 else { return false }
        start += Int(length)
      }
      guard let typeField else { return true }
      let value = UnsafeRawBufferPointer(rebasing: raw[fields[typeField].value])
      return typeName.withUnsafeBytes { ByteOrder.compare(value, $0) == 0 }
    }
  }
}

/// A cache of the shapes seen last. Producers write the same names in the same order again and again, so a shape is computed once and then
/// found by comparing bytes.
struct EntryShapes: Sendable {
  /// The number of slots, a power of two.
  private static let slots = 64
  /// The size, in bytes, above which a shape is not kept, so that all of them stay below 256 KiB.
  private static let largest = 4 << 10

  private let known: FieldNames
  private var shapes = [EntryShape?](repeating: nil, count: slots)

  init(known: FieldNames) {
    self.known = known
  }

  mutating func shape(
    of fields: UnsafeBufferPointer<EntryBlock.Field>, _ bytes: UnsafeBufferPointer<UInt8>
  ) throws(Rejection) -> EntryShape {
    let slot = Self.slot(of: fields, bytes)
    if let shape = shapes[slot], shape.matches(fields, bytes) { return shape }
    let shape = try EntryShape(fields, bytes, known: known)
    if shape.size <= Self.largest { shapes[slot] = shape }
    return shape
  }

  /// Returns the slot for an entry, by the lengths of its names and by its first value, which usually is the type.
  private static func slot(of fields: UnsafeBufferPointer<EntryBlock.Field>, _ bytes: UnsafeBufferPointer<UInt8>) -> Int {
    var hash: UInt32 = 0
    for field in fields { hash = hash &* 31 &+ field.nameLength }
    if let first = fields.first {
      hash = hash &* 31 &+ first.valueLength
      if let byte = bytes[first.value].last { hash = hash &* 31 &+ UInt32(byte) }
    }
    return Int((hash ^ hash >> 6 ^ hash >> 12) & UInt32(slots - 1))
  }
}
