import TestSupport

typealias WordEmbedder = TestSupport.WordEmbedder
