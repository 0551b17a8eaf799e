using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Loops;

/// <content>Where the sums go: those of lanes and those of columns.</content>
internal static unsafe partial class NarrowRowGradients
{
    /// <summary>Where the lanes of a row go.</summary>
    private interface ILaneSums<V> where V : unmanaged
    {
        void Add(int row, V sum, V product);

        /// <summary>The sums of four rows, and their products.</summary>
        void AddFour(V sum0, V sum1, V sum2, V sum3, V product0, V product1, V product2, V product3);
    }

    /// <summary>16 lanes in double for each kind of sum of a row.</summary>
    private readonly struct DoubleLanes<T, V, W>(double* lanes) : ILaneSums<V>
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where W : unmanaged, IWideSimd<W, T>
    {
        private readonly double* _lanes = lanes;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add(int row, V sum, V product)
        {
            AddScaled<T, V, W>(_lanes + (2 * row * Lanes), sum, 1);
            AddScaled<T, V, W>(_lanes + (((2 * row) + 1) * Lanes), product, InputScale);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void AddFour(V sum0, V sum1, V sum2, V sum3, V product0, V product1, V product2, V product3)
        {
            Add(0, sum0, product0);
            Add(1, sum1, product1);
            Add(2, sum2, product2);
            Add(3, sum3, product3);
        }
    }

    /// <summary>The sums of every fourth lane in float; those of four rows, then their products.</summary>
    private readonly struct FloatFours<T, V>(float* sums) : ILaneSums<V>
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
    {
        private readonly float* _sums = sums;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add(int row, V sum, V product)
        {
            V.StoreSumsOfFours(_sums + (row * 4), sum);
            V.StoreSumsOfFours(_sums + (Thresholds.RowsAtOnce * Lanes) + (row * 4), product);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void AddFour(V sum0, V sum1, V sum2, V sum3, V product0, V product1, V product2, V product3)
        {
            V.StoreSumsOfFours(_sums, sum0, sum1, sum2, sum3);
            V.StoreSumsOfFours(_sums + (Thresholds.RowsAtOnce * Lanes), product0, product1, product2, product3);
        }
    }

    /// <summary>Where the terms of the columns go, scaled down as they are.</summary>
    public interface IColumnSums<V> where V : unmanaged
    {
        void Add<TAccess>(nint i, TAccess access, V sum, V product) where TAccess : struct, IAccess;
    }

    /// <summary>Sums in double of many rows, which are read and written 16 at a time.</summary>
    public readonly struct DoubleSums<T, V, W>(double* sums, double* products) : IColumnSums<V>
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where W : unmanaged, IWideSimd<W, T>
    {
        private readonly double* _sums = sums;
        private readonly double* _products = products;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add<TAccess>(nint i, TAccess access, V sum, V product) where TAccess : struct, IAccess
        {
            AddScaled<T, V, W>(_sums + i, sum, GradientScale);
            AddScaled<T, V, W>(_products + i, product, InputScale);
        }
    }

    /// <summary>
    /// The gradients themselves, unless they are null, where there is one row. One addition in float has the bits of an addition in double
    /// that is rounded to float.
    /// </summary>
    public readonly struct Gradients<T, V>(T* bias, T* weight) : IColumnSums<V>
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
    {
        private readonly T* _bias = bias;
        private readonly T* _weight = weight;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add<TAccess>(nint i, TAccess access, V sum, V product) where TAccess : struct, IAccess
        {
            if (_bias != null)
                AddTo(_bias + i, access, sum, GradientScale);
            if (_weight != null)
                AddTo(_weight + i, access, product, InputScale);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void AddTo<TAccess>(T* gradient, TAccess access, V value, double scale) where TAccess : struct, IAccess =>
            access.Store(gradient, V.FusedMultiplyAdd(value, V.Broadcast(scale), access.Load<V, T>(gradient)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddScaled<T, V, W>(double* destination, V value, double scale)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where W : unmanaged, IWideSimd<W, T>
    {
        (W lower, W upper) = V.Widen<W>(value);
        W factor = W.Broadcast(scale);
        W.StoreDoubles(destination, W.FusedMultiplyAdd(lower, factor, W.LoadDoubles(destination)));
        W.StoreDoubles(destination + W.Count, W.FusedMultiplyAdd(upper, factor, W.LoadDoubles(destination + W.Count)));
    }
}
