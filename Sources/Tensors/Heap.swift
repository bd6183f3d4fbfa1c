internal import CKernels

/// The memory that small objects of the process come from.
public enum Heap {
    /// Gives free memory back to the system. Call it after work that needed much for a short time, such as opening models. It takes a
    /// few milliseconds; any thread.
    public static func trim() { ck_heap_trim() }
}
