import TestSupport

typealias RawClient = LoopbackClient
typealias UncheckedBox = TestSupport.UncheckedBox
