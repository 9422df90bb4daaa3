#if os(Linux)
    import Foundation
    import Testing

    @testable import PortalProxy

    /// What Linux said of its network, in the bytes in which it did, and what of it counts.
    @Suite struct NetworkChangesTests {
        private enum Said {
            static let address =
                "4c000000140000001da7016b913200000218800003000000080001000a090001080002000a0900010700030076610000"
                + "080008008000000014000600fffffffffffffffff4613500f4613500"
            /// The same address for another time.
            static let addressRenewed =
                "4c000000140000001ea7016bbe3200000218000003000000080001000a090001080002000a0900010700030076610000"
                + "0800080000000000" + "1400060084030000e8030000f46135004f623500"
            static let addressGone =
                "4c0000001500000023a7016b3d3400000218000003000000080001000a090001080002000a0900010700030076610000"
                + "0800080000000000140006007f030000e3030000f46135004f623500"
            static let address6Tentative =
                "480000001400000000000000000000000a40c0000300000014000100fd000000000000000000000000000001"
                + "14000600ffffffffffffffff6d6235006d62350008000800c0000000"
            static let address6 =
                "480000001400000000000000000000000a4080000300000014000100fd000000000000000000000000000001"
                + "14000600ffffffffffffffff6d6235006d6235000800080080000000"
            static let address6Renewed =
                "480000001400000000000000000000000a4000000300000014000100fd000000000000000000000000000001"
                + "1400060084030000e80300006d623500546335000800080000000000"
            static let loopbackAddress =
                "4c000000140000000000000000000000020880fe01000000080001007f000001080002007f000001070003006c6f0000"
                + "080008008000000014000600ffffffffffffffffb2603500b2603500"
            static let route = "34000000180000061da7016b9f32000002000000fe0300010000000008000f00fe000000080005000a0900020800040003000000"
            static let routeGone =
                "340000001900000023a7016b2f34000002000000fe0300010000000008000f00fe000000080005000a0900020800040003000000"
            /// A route to the interface's own network, and one to another network.
            static let networkRoute =
                "3c00000018000006000000000000000002180000fe02fd010000000008000f00fe000000080001000a090000080007000a0900010800040003000000"
            static let otherRoute =
                "3c0000001800000623a7016b1234000002180000fe0300010000000008000f00fe00000008000100c0a80700080005000a0900020800040003000000"
        }

        private static func bytes(_ hexadecimal: String) -> [UInt8] {
            let digits = Array(hexadecimal.utf8)
            return stride(from: 0, to: digits.count, by: 2).map {
                UInt8(String(decoding: digits[$0..<($0 + 2)], as: UTF8.self), radix: 16)!
            }
        }

        /// An interface's message, without the attributes behind the flags.
        private static func link(_ index: UInt32, _ flags: UInt32, family: UInt8 = 0, isGone: Bool = false) -> [UInt8] {
            var bytes: [UInt8] = [32, 0, 0, 0, isGone ? 17 : 16, 0, 0, 0] + [UInt8](repeating: 0, count: 8) + [family, 0, 1, 0]
            for number in [index, flags, 0] { withUnsafeBytes(of: number) { bytes += $0 } }
            return bytes
        }

        /// Off; on, without a line; on.
        private static let (off, without, on): (UInt32, UInt32, UInt32) = (0x1002, 0x1003, 0x11043)

        private var changes = NetworkChanges()

        private mutating func hears(_ datagram: [UInt8]) -> Bool { datagram.withUnsafeBytes { changes.read($0) } }
        private mutating func hears(_ hexadecimal: String) -> Bool { hears(NetworkChangesTests.bytes(hexadecimal)) }

        @Test mutating func anAddressComesAndGoes() {
            #expect(hears(Said.address))
            #expect(!hears(Said.addressRenewed), "only its lifetime is another one")
            #expect(hears(Said.addressGone))
            #expect(hears(Said.address))
        }

        @Test mutating func anAddressThatMayNotBeUsedYet() {
            #expect(!hears(Said.address6Tentative))
            #expect(hears(Said.address6))
            #expect(!hears(Said.address6Renewed))
            #expect(!hears(Said.loopbackAddress))
        }

        @Test mutating func theDefaultRoute() {
            #expect(hears(Said.route))
            #expect(!hears(Said.route), "it is there already")
            #expect(hears(Said.routeGone))
            #expect(hears(Said.route))
            #expect(!hears(Said.networkRoute))
            #expect(!hears(Said.otherRoute))
        }

        @Test mutating func anInterfaceGoesDownAndUp() {
            #expect(hears(NetworkChangesTests.link(3, NetworkChangesTests.on)))
            #expect(
                !hears(NetworkChangesTests.link(3, NetworkChangesTests.on)),
                "with other statistics, as a wireless card says it all the time")
            #expect(hears(NetworkChangesTests.link(3, NetworkChangesTests.without)), "the cable")
            #expect(hears(NetworkChangesTests.link(3, NetworkChangesTests.off)))
            #expect(hears(NetworkChangesTests.link(3, NetworkChangesTests.on)))
            #expect(hears(NetworkChangesTests.link(3, NetworkChangesTests.on, isGone: true)))
        }

        @Test mutating func whatDoesNotCount() {
            #expect(!hears(NetworkChangesTests.link(1, 0x10049)), "the loopback")
            #expect(!hears(NetworkChangesTests.link(3, NetworkChangesTests.on, family: 7)), "a bridge's port")
            #expect(!hears(NetworkChangesTests.link(3, NetworkChangesTests.on, family: 7, isGone: true)))
        }

        /// Linux takes the routes of an interface away with it without a word; the one that comes back is a change.
        @Test mutating func aRouteThatWentSilently() {
            #expect(hears(NetworkChangesTests.link(3, NetworkChangesTests.on)))
            #expect(hears(Said.route))
            #expect(hears(NetworkChangesTests.link(3, NetworkChangesTests.off)))
            #expect(hears(NetworkChangesTests.link(3, NetworkChangesTests.on)))
            #expect(hears(Said.route))
        }

        @Test mutating func severalInOneDatagram() {
            #expect(hears(NetworkChangesTests.bytes(Said.networkRoute) + NetworkChangesTests.bytes(Said.route)))
            #expect(!hears(NetworkChangesTests.bytes(Said.route) + NetworkChangesTests.bytes(Said.otherRoute)))
        }

        /// Cut anywhere, and with any length: it is no more than not understood. What is whole before it counts.
        @Test mutating func nonsense() {
            for said in [Said.address, Said.address6, Said.route] {
                let whole = NetworkChangesTests.bytes(said)
                for count in 0..<whole.count { #expect(!hears(Array(whole[..<count]))) }
                for at in whole.indices {
                    for value in [0, 1, 3, 255] as [UInt8] {
                        var broken = whole
                        broken[at] = value
                        _ = hears(broken)
                    }
                }
            }
            changes = NetworkChanges()
            #expect(hears(NetworkChangesTests.bytes(Said.route) + [9, 0, 0, 0]))
        }

        /// What is remembered has an end.
        @Test mutating func manyInterfaces() {
            for index in 1...4096 as ClosedRange<UInt32> { #expect(hears(NetworkChangesTests.link(index, NetworkChangesTests.on))) }
            #expect(!hears(NetworkChangesTests.link(4096, NetworkChangesTests.on)))
            #expect(hears(NetworkChangesTests.link(4097, NetworkChangesTests.on)))
            #expect(hears(NetworkChangesTests.link(4096, NetworkChangesTests.on)), "it was forgotten")
        }
    }
#endif
