#if os(Linux)
    /// Reads what Linux says of its network (rtnetlink(7)) and tells whether any of it may matter to a connection: an address or a default route
    /// that came or went, an interface that was switched on or off or lost its line. It has no socket.
    ///
    /// Linux repeats itself: a router's announcements renew addresses and routes every few seconds, and an interface's message comes with every
    /// statistic of a wireless card. So it is remembered what was said. What is heard of for the first time counts as a change; one too many
    /// costs a question to the host.
    struct NetworkChanges {
        // linux/rtnetlink.h and linux/if.h, which the system's Swift modules leave out.
        private static let headerSize = 16
        private static let attributeHeaderSize = 4
        private enum Kind {
            static let overrun: UInt16 = 4
            static let newLink: UInt16 = 16
            static let deleteLink: UInt16 = 17
            static let newAddress: UInt16 = 20
            static let deleteAddress: UInt16 = 21
            static let newRoute: UInt16 = 24
            static let deleteRoute: UInt16 = 25
        }
        private static let bridgeFamily: UInt8 = 7
        /// IFF_UP, IFF_RUNNING and IFF_LOWER_UP.
        private static let linkState: UInt32 = 0x1 | 0x40 | 0x10000
        private static let linkIsLoopback: UInt32 = 0x8
        private static let hostScope: UInt8 = 254
        /// IFA_F_TENTATIVE and IFA_F_DEPRECATED: one that may not be used yet, one that is not used for anything new any more.
        private static let addressIsUnused: UInt32 = 0x40 | 0x20
        private static let addressAttribute: UInt16 = 1
        private static let localAttribute: UInt16 = 2
        private static let flagsAttribute: UInt16 = 8
        /// RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, RTA_MULTIPATH, RTA_TABLE and RTA_VIA: which route it is.
        private static let routeAttributes: Set<UInt16> = [4, 5, 6, 9, 15, 18]
        /// A default route, or one of the two halves that some VPNs put before it.
        private static let longestPrefix: UInt8 = 1
        /// More is not remembered on one machine: then it is begun anew.
        private static let mostRemembered = 4096

        private var links: [UInt32: UInt32] = [:]
        private var addresses: Set<[UInt8]> = []
        private var routes: Set<[UInt8]> = []

        /// Whether something in a datagram may matter.
        mutating func read(_ bytes: UnsafeRawBufferPointer) -> Bool {
            var isChange = false
            var start = 0
            while bytes.count - start >= NetworkChanges.headerSize {
                let length = Int(bytes.loadUnaligned(fromByteOffset: start, as: UInt32.self))
                // It comes from the kernel, and yet: what makes no sense ends the datagram.
                guard length >= NetworkChanges.headerSize, length <= bytes.count - start else { break }
                let kind = bytes.loadUnaligned(fromByteOffset: start + 4, as: UInt16.self)
                let body = UnsafeRawBufferPointer(rebasing: bytes[(start + NetworkChanges.headerSize)..<(start + length)])
                if isChanged(by: kind, body) { isChange = true }
                start += (length + 3) & ~3
            }
            if links.count + addresses.count + routes.count > NetworkChanges.mostRemembered { self = NetworkChanges() }
            return isChange
        }

        private mutating func isChanged(by kind: UInt16, _ body: UnsafeRawBufferPointer) -> Bool {
            switch kind {
            case Kind.newLink, Kind.deleteLink: linkChanged(body, isGone: kind == Kind.deleteLink)
            case Kind.newAddress, Kind.deleteAddress: addressChanged(body, isGone: kind == Kind.deleteAddress)
            case Kind.newRoute, Kind.deleteRoute: routeChanged(body, isGone: kind == Kind.deleteRoute)
            case Kind.overrun: true
            default: false
            }
        }

        /// `struct ifinfomsg`: family, type, index, flags and which of them changed.
        private mutating func linkChanged(_ body: UnsafeRawBufferPointer, isGone: Bool) -> Bool {
            guard body.count >= 16, body[0] != NetworkChanges.bridgeFamily else { return false }
            let index = body.loadUnaligned(fromByteOffset: 4, as: UInt32.self)
            let flags = body.loadUnaligned(fromByteOffset: 8, as: UInt32.self)
            guard flags & NetworkChanges.linkIsLoopback == 0 else { return false }
            let before = links[index]
            links[index] = isGone ? nil : flags & NetworkChanges.linkState
            guard isGone || before != flags & NetworkChanges.linkState else { return false }
            // Linux takes routes away with their interface, and does not say so of each.
            addresses = []
            routes = []
            return true
        }

        /// `struct ifaddrmsg`: family, length of the prefix, flags, scope, the interface's index; and attributes.
        private mutating func addressChanged(_ body: UnsafeRawBufferPointer, isGone: Bool) -> Bool {
            guard body.count >= 8, body[3] != NetworkChanges.hostScope else { return false }
            var flags = UInt32(body[2])
            var address: [UInt8] = []
            var local: [UInt8]?
            NetworkChanges.forEachAttribute(in: body, from: 8) { kind, value in
                switch kind {
                case NetworkChanges.addressAttribute: address = Array(value)
                case NetworkChanges.localAttribute: local = Array(value)
                case NetworkChanges.flagsAttribute where value.count >= 4: flags = value.loadUnaligned(as: UInt32.self)
                default: break
                }
            }
            // A peer's address is said where an interface has a peer; its own is the local one then.
            let name = Array(body[4..<8]) + (local ?? address)
            if isGone {
                addresses.remove(name)
                return true
            }
            guard flags & NetworkChanges.addressIsUnused == 0 else { return false }
            return addresses.insert(name).inserted
        }

        /// `struct rtmsg`: family, lengths of the prefixes of destination and source, type of service, table, protocol, scope, type, flags; and
        /// attributes.
        private mutating func routeChanged(_ body: UnsafeRawBufferPointer, isGone: Bool) -> Bool {
            guard body.count >= 12, body[1] <= NetworkChanges.longestPrefix else { return false }
            var name = [body[0], body[1], body[2], body[3], body[7]]
            NetworkChanges.forEachAttribute(in: body, from: 12) { kind, value in
                guard NetworkChanges.routeAttributes.contains(kind) else { return }
                name += [UInt8(kind)] + value
            }
            if isGone {
                routes.remove(name)
                return true
            }
            return routes.insert(name).inserted
        }

        private static func forEachAttribute(
            in body: UnsafeRawBufferPointer, from offset: Int, _ found: (UInt16, UnsafeRawBufferPointer) -> Void
        ) {
            var start = offset
            while body.count - start >= attributeHeaderSize {
                let length = Int(body.loadUnaligned(fromByteOffset: start, as: UInt16.self))
                guard length >= attributeHeaderSize, length <= body.count - start else { return }
                let kind = body.loadUnaligned(fromByteOffset: start + 2, as: UInt16.self)
                found(kind, UnsafeRawBufferPointer(rebasing: body[(start + attributeHeaderSize)..<(start + length)]))
                start += (length + 3) & ~3
            }
        }
    }
#endif
