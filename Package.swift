// swift-tools-version: 6.1
import PackageDescription

// The arrows of ARCHITECTURE.md are this file's dependencies; Scripts/lint checks that no import goes against them.
let package = Package(
    name: "portal",
    platforms: [.macOS(.v14)],
    products: [
        .library(name: "Portal", targets: ["Portal"]),
        .executable(name: "portal", targets: ["PortalCommand"]),
        .executable(name: "portal-executor", targets: ["ExecutorMain"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.80.0"),
    ],
    targets: [
        // Shared by both sides; compiled as Embedded Swift too (Scripts/build-executors).
        .target(name: "PortalWire"),
        .target(name: "PortalLink", dependencies: ["PortalWire"]),

        // The far side.
        .target(name: "CExecutorPlatform", exclude: ["embedded"]),
        .target(name: "PortalExecutor", dependencies: ["PortalWire", "PortalLink", "CExecutorPlatform"]),
        .executableTarget(name: "ExecutorMain", dependencies: ["PortalExecutor"]),

        // The near side.
        .target(name: "CContentHash", linkerSettings: [.linkedLibrary("crypto", .when(platforms: [.linux]))]),
        .target(name: "PortalImages"),
        .target(
            name: "CLibssh2", path: "Sources/PortalSSH/CLibssh2",
            linkerSettings: [.linkedLibrary("ssh2"), .linkedLibrary("crypto")]),
        .target(
            name: "PortalSSH",
            dependencies: [
                "PortalWire", "PortalLink", "CLibssh2",
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ],
            exclude: ["CLibssh2"]),
        .target(
            name: "PortalProxy",
            dependencies: [
                "PortalWire", "PortalLink", "PortalSSH", "PortalImages", "CContentHash",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ]),
        .target(
            name: "Portal",
            dependencies: [
                "PortalWire", "PortalLink", "PortalProxy", "CContentHash",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ]),

        // Ways in for agents: what they share, and each door, of which none knows another.
        .target(
            name: "DoorSupport",
            dependencies: ["PortalWire", .product(name: "NIOPosix", package: "swift-nio")]),
        .target(
            name: "CodexDoor", dependencies: ["PortalWire", "PortalProxy", "Portal", "DoorSupport"], path: "Sources/PortalDoors/CodexDoor"),

        .target(
            name: "AgentLaunch",
            dependencies: [
                "PortalWire", "Portal", "PortalProxy", "DoorSupport", .product(name: "NIOPosix", package: "swift-nio"),
            ],
            path: "Sources/PortalDoors/AgentLaunch"),
        .target(name: "AgentTools", dependencies: ["Portal", "PortalWire", "DoorSupport"]),
        .target(
            name: "MCPDoor", dependencies: ["AgentTools", "DoorSupport", "Portal", "PortalProxy", "PortalWire"],
            path: "Sources/PortalDoors/MCPDoor"),
        .target(
            name: "ToolCallDoor", dependencies: ["AgentTools", "DoorSupport", "PortalWire"], path: "Sources/PortalDoors/ToolCallDoor"),

        .executableTarget(
            name: "PortalCommand",
            dependencies: [
                "Portal", "DoorSupport", "AgentTools", "MCPDoor", "ToolCallDoor", "CodexDoor", "AgentLaunch",
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ]),

        // Programs: the demo, the examples, the benchmark.
        .executableTarget(name: "portal-demo", dependencies: ["Portal", "TestSupport"], path: "Examples/Demo"),
        .executableTarget(name: "run-on-hosts", dependencies: ["Portal"], path: "Examples/RunOnHosts"),
        .executableTarget(name: "build-there", dependencies: ["Portal"], path: "Examples/BuildThere"),
        .executableTarget(name: "run-tests-there", dependencies: ["Portal"], path: "Examples/RunTestsThere"),
        .executableTarget(name: "follow-log", dependencies: ["Portal"], path: "Examples/FollowLog"),
        .executableTarget(
            name: "portal-bench",
            dependencies: ["Portal", "PortalProxy", "TestSupport", "FaultLab", .product(name: "NIOCore", package: "swift-nio")],
            path: "Benchmarks"),

        // Real sshds and a simulated network, for tests, the demo and the benchmark.
        .target(
            name: "TestSupport",
            dependencies: [
                "DoorSupport", "PortalWire", .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            path: "Tests/TestSupport", exclude: ["Systemd/machine.sh"]),
        // A client that tests kill, or whose proxy and host they kill (Docs/kills.md).
        .executableTarget(name: "portal-caller", dependencies: ["Portal", "PortalWire"], path: "Tests/Caller"),
        // The fault lab: `make torture`, `make soak`, and what of them is a test.
        .target(
            name: "FaultLab",
            dependencies: ["Portal", "TestSupport", .product(name: "NIOCore", package: "swift-nio")], path: "Tests/FaultLab"),
        .executableTarget(name: "portal-lab", dependencies: ["FaultLab", "TestSupport"], path: "Tests/FaultLabProgram"),
        .testTarget(
            name: "FaultLabTests",
            dependencies: [
                "FaultLab", "TestSupport", "PortalCommand", .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ]),
        .testTarget(
            name: "PortalSSHTests",
            dependencies: [
                "PortalSSH", "TestSupport", .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"), .product(name: "Logging", package: "swift-log"),
            ]),

        .testTarget(
            name: "PortalTests",
            dependencies: [
                "Portal", "PortalProxy", "PortalCommand", "TestSupport", "build-there", "run-on-hosts", "run-tests-there", "follow-log",
                "portal-caller", .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ]),

        .testTarget(
            name: "DoorSupportTests", dependencies: ["DoorSupport", "PortalWire", .product(name: "NIOPosix", package: "swift-nio")]),
        .testTarget(
            name: "CodexDoorTests",
            dependencies: [
                "CodexDoor", "DoorSupport", "Portal", "PortalWire", "PortalCommand", "TestSupport",
                .product(name: "NIOCore", package: "swift-nio"),
            ]),

        .testTarget(
            name: "AgentLaunchTests",
            dependencies: ["AgentLaunch", "DoorSupport", "PortalWire", "PortalCommand", "TestSupport"]),

        .testTarget(
            name: "AgentToolsTests", dependencies: ["AgentTools", "DoorSupport", "Portal", "PortalWire", "TestSupport"]),
        .testTarget(
            name: "MCPDoorTests",
            dependencies: ["MCPDoor", "AgentTools", "DoorSupport", "Portal", "PortalWire", "PortalCommand", "TestSupport"],
            exclude: ["official_client.py"]),
        .testTarget(
            name: "ToolCallDoorTests",
            dependencies: ["ToolCallDoor", "AgentTools", "DoorSupport", "PortalWire", "PortalCommand", "TestSupport"]),

        // The tests of the wire and the link.
        .testTarget(name: "PortalWireTests", dependencies: ["PortalWire"]),
        .testTarget(name: "PortalLinkTests", dependencies: ["PortalWire", "PortalLink", "FrameFuzzer", "TestSupport"]),
        .target(name: "GoldenCaptures", dependencies: ["PortalWire"], path: "Tests/GoldenCaptures"),
        .target(name: "FrameFuzzer", dependencies: ["PortalWire", "GoldenCaptures", "TestSupport"], path: "Tests/FrameFuzzer"),
        .testTarget(name: "GoldenTests", dependencies: ["PortalWire", "PortalLink", "GoldenCaptures", "FrameFuzzer", "ExecutorMain"]),
        .testTarget(
            name: "PortalExecutorTests",
            dependencies: ["PortalWire", "PortalLink", "PortalExecutor", "CExecutorPlatform", "ExecutorMain", "TestSupport"]),
    ],
    swiftLanguageModes: [.v6]
)
