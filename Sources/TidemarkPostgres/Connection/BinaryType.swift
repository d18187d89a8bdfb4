/// Types whose binary format we write, with their OIDs (pg_type.dat; fixed for ever). Everything else goes as text, through the
/// type's own input function.
package enum BinaryType: String, Sendable {
  case boolean, bytea, bigint, integer, text, timestamptz, jsonb

  var oid: UInt32 {
    switch self {
    case .boolean: 16
    case .bytea: 17
    case .bigint: 20
    case .integer: 23
    case .text: 25
    case .timestamptz: 1184
    case .jsonb: 3802
    }
  }

  var arrayOID: UInt32 {
    switch self {
    case .boolean: 1000
    case .bytea: 1001
    case .bigint: 1016
    case .integer: 1007
    case .text: 1009
    case .timestamptz: 1185
    case .jsonb: 3807
    }
  }
}
