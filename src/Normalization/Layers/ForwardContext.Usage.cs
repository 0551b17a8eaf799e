namespace Normalization;

/// <content>Who works with a context.</content>
public sealed partial class ForwardContext<T>
{
    /// <summary>Lets one call use a context alone, until it is disposed.</summary>
    internal readonly ref struct Usage : IDisposable
    {
        private readonly ForwardContext<T>? _context;

        public Usage(ForwardContext<T>? context)
        {
            if (context is not null && Interlocked.CompareExchange(ref context._isInUse, 1, 0) != 0)
            {
                throw new InvalidOperationException(
                    "Another pass is at work in this context. A context, and a layer in training without one, belong to one thread at a "
                        + "time: "
                    + "give each thread a ForwardContext of its own.");
            }
            _context = context;
        }

        public void Dispose()
        {
            if (_context is not null)
                Volatile.Write(ref _context._isInUse, 0);
        }
    }
}
