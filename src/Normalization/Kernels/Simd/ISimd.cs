namespace Normalization.Kernels.Simd;

/// <summary>
/// One hardware vector over elements stored as <typeparamref name="T"/>. The narrow vectors compute in <typeparamref name="T"/>, the
/// wide vectors in <see cref="double"/>.
/// </summary>
internal unsafe interface ISimd<TSelf, T>
    where TSelf : unmanaged, ISimd<TSelf, T>
    where T : unmanaged
{
    /// <summary>The number of elements in one vector.</summary>
    static abstract int Count { get; }

    static abstract TSelf Broadcast(double value);

    /// <summary>One element in every lane.</summary>
    static abstract TSelf Repeat(T* source);

    static abstract TSelf Load(T* source);

    static abstract void Store(T* destination, TSelf value);

    /// <summary>Loads the first elements; the others are zero and their memory is not touched.</summary>
    static abstract TSelf LoadPart(T* source, nint count);

    /// <summary>Stores the first elements; the memory of the others is not touched.</summary>
    static abstract void StorePart(T* destination, TSelf value, nint count);

    /// <summary>Stores past the cache; the destination is aligned to the vector's size in memory.</summary>
    static abstract void StoreNonTemporal(T* destination, TSelf value);

    /// <summary>Loads from an array of the compute type, which has room for whole vectors.</summary>
    static abstract TSelf LoadCoefficients(void* source, nint index);

    /// <summary>Stores into such an array.</summary>
    static abstract void StoreCoefficients(void* destination, nint index, TSelf value);

    /// <summary>The numbers of a narrow vector of floats as doubles, in two vectors that hold half as many each.</summary>
    static abstract (W Lower, W Upper) Widen<W>(TSelf value) where W : unmanaged, IWideSimd<W, T>;

    /// <summary>Stores four floats, the sums of every fourth number of a narrow vector of floats: those of halves, added.</summary>
    static virtual void StoreSumsOfFours(float* destination, TSelf value) => throw new NotSupportedException();

    /// <summary>The same of four vectors, one behind the other.</summary>
    static virtual void StoreSumsOfFours(float* destination, TSelf first, TSelf second, TSelf third, TSelf fourth) =>
        throw new NotSupportedException();

    /// <summary>Rounds doubles to the compute type.</summary>
    static abstract TSelf FromDoubles(double* source);

    static abstract TSelf operator +(TSelf left, TSelf right);

    static abstract TSelf operator -(TSelf left, TSelf right);

    static abstract TSelf operator *(TSelf left, TSelf right);

    static abstract TSelf operator /(TSelf left, TSelf right);

    /// <summary>left · right + addend with one rounding, on every machine.</summary>
    static abstract TSelf FusedMultiplyAdd(TSelf left, TSelf right, TSelf addend);

    /// <summary>The square root with one rounding.</summary>
    static abstract TSelf Sqrt(TSelf value);

    /// <summary>A mask of the lanes in which left is greater; a NaN is neither greater nor less.</summary>
    static abstract TSelf GreaterThan(TSelf left, TSelf right);

    /// <summary>The lanes of one vector where the mask is set, and those of another one elsewhere.</summary>
    static abstract TSelf Select(TSelf mask, TSelf ifSet, TSelf otherwise);

    /// <summary>A mask from a byte for each lane, 0 or 255. It may read 16 bytes.</summary>
    static abstract TSelf LoadMask(byte* source);

    /// <summary>Keeps the lanes whose mask is set, and clears the others.</summary>
    static abstract TSelf Keep(TSelf mask, TSelf kept);

    /// <summary>
    /// Keeps the lanes whose weight is above 0, and clears the others. One call, because only then the JIT makes one instruction of it.
    /// </summary>
    static abstract TSelf KeepPositive(TSelf weight, TSelf kept);

    /// <summary>
    /// Keeps the lanes whose value is not below a limit, or NaN, and clears the others. One call, because a loop inlines only so many.
    /// </summary>
    static abstract TSelf KeepFrom(TSelf limit, TSelf value, TSelf kept);

    /// <summary>2ⁿ from <see cref="Elementary.Rounding{V, T}"/> + n, where n is whole and 2ⁿ a normal number.</summary>
    static abstract TSelf PowerFromRounded(TSelf rounded);
}

/// <summary>A vector of doubles that can be reduced.</summary>
internal unsafe interface IWideSimd<TSelf, T> : ISimd<TSelf, T>
    where TSelf : unmanaged, IWideSimd<TSelf, T>
    where T : unmanaged
{
    static abstract TSelf LoadDoubles(double* source);

    static abstract void StoreDoubles(double* destination, TSelf value);

    /// <summary>Keeps the lanes whose mask is all ones and clears those whose mask is zero.</summary>
    static abstract TSelf Mask(TSelf value, long* mask);

    /// <summary>Adds the lanes: lane i with lane i + n/2, halving n until one is left.</summary>
    static abstract double HorizontalSum(TSelf value);

    /// <summary>e of a positive normal value = m · 2^e with m from 1 up to 2; 1024 of an infinity or a NaN.</summary>
    static abstract TSelf Exponent(TSelf value);

    /// <summary>m of the same, whatever the exponent is.</summary>
    static abstract TSelf Mantissa(TSelf value);

    /// <summary>2^exponent of whole exponents from -1022 to 1023.</summary>
    static abstract TSelf PowerOfTwo(TSelf exponent);
}
