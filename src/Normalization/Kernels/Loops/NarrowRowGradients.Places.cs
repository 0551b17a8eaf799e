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
        /// <summary>One vector of the lanes of a row.</summary>
        void Add(int vector, V sum, V product);

        /// <summary>All lanes of four rows.</summary>
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
        public void Add(int vector, V sum, V product)
        {
            double* own = _lanes + (vector * V.Count);
            AddScaled(own, sum, 1);
            AddScaled(own + Lanes, product, InputScale);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void AddFour(V sum0, V sum1, V sum2, V sum3, V product0, V product1, V product2, V product3)
        {
            const int Row = 2 * Lanes;
            AddScaled(_lanes, sum0, 1);
            AddScaled(_lanes + Lanes, product0, InputScale);
            AddScaled(_lanes + Row, sum1, 1);
            AddScaled(_lanes + Row + Lanes, product1, InputScale);
            AddScaled(_lanes + (2 * Row), sum2, 1);
            AddScaled(_lanes + (2 * Row) + Lanes, product2, InputScale);
            AddScaled(_lanes + (3 * Row), sum3, 1);
            AddScaled(_lanes + (3 * Row) + Lanes, product3, InputScale);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void AddScaled(double* destination, V value, double scale)
        {
            (W lower, W upper) = V.Widen<W>(value);
            W factor = W.Broadcast(scale);
            W.StoreDoubles(destination, W.FusedMultiplyAdd(lower, factor, W.LoadDoubles(destination)));
            W.StoreDoubles(destination + W.Count, W.FusedMultiplyAdd(upper, factor, W.LoadDoubles(destination + W.Count)));
        }
    }

    /// <summary>The sums of every fourth lane in float; those of four rows, then their products.</summary>
    private readonly struct FloatFours<T, V>(float* sums) : ILaneSums<V>
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
    {
        private readonly float* _sums = sums;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add(int vector, V sum, V product)
        {
            float* own = _sums + (vector * Lanes);
            V.StoreSumsOfFours(own, sum);
            V.StoreSumsOfFours(own + (Thresholds.RowsAtOnce * Lanes), product);
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
        void Load(nint i, out V sum, out V product);

        void Store<TAccess>(nint i, TAccess access, V sum, V product) where TAccess : struct, IAccess;
    }

    /// <summary>Sums of a few rows, which are read and written in whole vectors.</summary>
    public readonly struct FloatSums<T, V>(T* sums, T* products) : IColumnSums<V>
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
    {
        private readonly T* _sums = sums;
        private readonly T* _products = products;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Load(nint i, out V sum, out V product) => (sum, product) = (V.Load(_sums + i), V.Load(_products + i));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Store<TAccess>(nint i, TAccess access, V sum, V product) where TAccess : struct, IAccess
        {
            V.Store(_sums + i, sum);
            V.Store(_products + i, product);
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
        public void Load(nint i, out V sum, out V product) => (sum, product) = (default, default);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Store<TAccess>(nint i, TAccess access, V sum, V product) where TAccess : struct, IAccess
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
}
