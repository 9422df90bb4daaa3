import Foundation
import TestSupport
import Testing

@testable import PortalSSH

@Suite struct ConnectTests {
    @Test func installsOnceAndEchoes() async throws {
        let host = try TestHost()
        let person = Person()
        let images = try FakeExecutor.images(padding: 100_000)
        for round in 1...2 {
            let pipe = try await host.connect(person: person, images: images, arguments: ["--dir", "/a b", "it's $HOME !"])
            let received = Received()
            try await received.start(pipe)
            try await pipe.send("hello")
            #expect(await eventually(seconds: 10) { received.text == "<--dir></a b><it's $HOME !>hello" }, "\(received.text)")
            #expect(host.logins == round)
            pipe.close()
            #expect(await eventually(seconds: 5) { received.end != nil })
        }
        #expect(host.cache() == ["executor-\(images[0].sha256Hex)"])
        let uploads = person.phases.filter { if case .uploading = $0 { true } else { false } }
        #expect(uploads.last == .uploading(done: images[0].size, total: images[0].size))
        #expect(person.phases.filter { $0 == .starting }.count == 2)
        #expect(person.questions.isEmpty)
    }
}
