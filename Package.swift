// swift-tools-version: 6.2
import PackageDescription

// The warnings-as-errors flag is added by ops/test, so that a newer compiler does not break a user's build.
let settings: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
]

let package = Package(
  name: "tidemark",
  products: [
    .executable(name: "tidemark", targets: ["tidemark"]),
    .library(name: "TidemarkClient", targets: ["TidemarkClient"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
  ],
  targets: [
    // The libraries of the system. `pkgConfig` is left out for hiredis: its flags are refused by SwiftPM.
    .systemLibrary(name: "CHiredis", providers: [.apt(["libhiredis-dev"])]),
    .systemLibrary(name: "CMalloc"),
    .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),

    // The schema and the function library, carried inside the binary.
    .target(
      name: "Migrations", path: "migrations",
      resources: [
        .embedInCode("0001_ledger.sql"),
        .embedInCode("0002_sessions.sql"),
        .embedInCode("0003_messages.sql"),
        .embedInCode("0004_context.sql"),
        .embedInCode("0005_tool_calls.sql"),
        .embedInCode("0006_readers.sql"),
        .embedInCode("0007_installation.sql"),
        .embedInCode("0008_hot_state.sql"),
        .embedInCode("0009_seals.sql"),
        .embedInCode("0010_reconcile.sql"),
        .embedInCode("0011_state_check.sql"),
        .embedInCode("0012_forget.sql"),
        .embedInCode("0013_export.sql"),
        .embedInCode("0014_tune.sql"),
        .embedInCode("0015_questions.sql"),
        .embedInCode("functions/1_values.lua"),
        .embedInCode("functions/2_types.lua"),
        .embedInCode("functions/3_changes.lua"),
        .embedInCode("functions/4_state.lua"),
        .embedInCode("functions/5_append.lua"),
        .embedInCode("functions/6_calls.lua"),
        .embedInCode("functions/7_forget.lua"),
      ],
      swiftSettings: settings),

    // Everything that decides: no I/O, no clock, no randomness of its own.
    .target(
      name: "TidemarkCore",
      dependencies: [
        .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "DequeModule", package: "swift-collections"),
      ],
      swiftSettings: settings),
    // What the program logs: the names of its events and of their facts.
    .target(name: "TidemarkLog", dependencies: [.product(name: "Logging", package: "swift-log")], swiftSettings: settings),
    .target(
      name: "TidemarkConfiguration",
      dependencies: ["TidemarkCore", .product(name: "Yams", package: "Yams")],
      swiftSettings: settings),
    .target(
      name: "TidemarkRedis",
      dependencies: [
        "CHiredis", "Migrations", "TidemarkCore",
        .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "DequeModule", package: "swift-collections"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
      ],
      swiftSettings: settings),
    // For agents in Swift.
    .target(name: "TidemarkClient", dependencies: ["TidemarkCore", "TidemarkRedis"], swiftSettings: settings),
    .target(
      name: "TidemarkPostgres",
      dependencies: [
        "CLibPQ", "Migrations", "TidemarkCore", "TidemarkLog",
        .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: settings),
    .target(
      name: "TidemarkEngine",
      dependencies: [
        "TidemarkCore", "TidemarkLog",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "Metrics", package: "swift-metrics"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ],
      swiftSettings: settings),
    .target(
      name: "TidemarkAdmin",
      dependencies: [
        "TidemarkConfiguration", "TidemarkCore", "TidemarkEngine", "TidemarkLog", "TidemarkPostgres", "TidemarkRedis",
        .product(name: "Histogram", package: "hdrhistogram-swift"),
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "HummingbirdCore", package: "hummingbird"),
        .product(name: "HummingbirdTLS", package: "hummingbird"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "Metrics", package: "swift-metrics"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ],
      swiftSettings: settings),
    // Private servers: what `dev` and `bench` start, and the tests.
    .target(
      name: "TidemarkServers",
      dependencies: [.product(name: "Subprocess", package: "swift-subprocess")],
      swiftSettings: settings),
    // For tests only: no product links it.
    .target(
      name: "TidemarkTestKit",
      dependencies: [
        "TidemarkCore", "TidemarkServers",
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
      ],
      swiftSettings: settings),
    // The fault proxy as a process of its own, for scripts; no product.
    .executableTarget(
      name: "fault-proxy",
      dependencies: ["TidemarkTestKit", .product(name: "ArgumentParser", package: "swift-argument-parser")],
      swiftSettings: settings),
    .executableTarget(
      name: "tidemark",
      dependencies: [
        "CMalloc", "TidemarkAdmin", "TidemarkConfiguration", "TidemarkCore", "TidemarkEngine", "TidemarkLog", "TidemarkPostgres",
        "TidemarkRedis", "TidemarkServers",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "Metrics", package: "swift-metrics"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ],
      swiftSettings: settings),

    .testTarget(
      name: "TidemarkTestKitTests",
      dependencies: [
        "TidemarkServers", "TidemarkTestKit", "fault-proxy",
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
      ],
      swiftSettings: settings),
    .testTarget(name: "TidemarkCoreTests", dependencies: ["TidemarkCore", "TidemarkServers", "TidemarkTestKit"], swiftSettings: settings),
    .testTarget(name: "TidemarkClientTests", dependencies: ["TidemarkClient", "TidemarkRedis"], swiftSettings: settings),
    .testTarget(name: "TidemarkConfigurationTests", dependencies: ["TidemarkConfiguration"], swiftSettings: settings),
    .testTarget(
      name: "TidemarkRedisTests",
      dependencies: ["TidemarkRedis", "TidemarkServers", "TidemarkTestKit", .product(name: "Crypto", package: "swift-crypto")],
      swiftSettings: settings),
    .testTarget(
      name: "TidemarkPostgresTests",
      dependencies: ["TidemarkPostgres", "TidemarkServers", "TidemarkTestKit", .product(name: "Crypto", package: "swift-crypto")],
      swiftSettings: settings),
    .testTarget(
      name: "TidemarkEngineTests",
      dependencies: [
        "TidemarkCore", "TidemarkEngine", "TidemarkLog", "TidemarkPostgres", "TidemarkRedis", "TidemarkServers", "TidemarkTestKit",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "Metrics", package: "swift-metrics"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ],
      swiftSettings: settings),
    .testTarget(
      name: "TidemarkAdminTests",
      dependencies: [
        "TidemarkAdmin", "TidemarkConfiguration", "TidemarkCore", "TidemarkEngine", "TidemarkPostgres", "TidemarkRedis", "TidemarkServers",
        "TidemarkTestKit",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "Metrics", package: "swift-metrics"),
      ],
      swiftSettings: settings),
    .testTarget(
      name: "TidemarkCommandTests",
      dependencies: [
        "TidemarkClient", "TidemarkCore", "TidemarkLog", "TidemarkServers", "TidemarkTestKit", "TidemarkPostgres", "TidemarkRedis",
        "tidemark",
      ],
      swiftSettings: settings),
  ],
  swiftLanguageModes: [.v6]
)
