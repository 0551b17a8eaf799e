namespace Normalization.Verify.Planted;

internal static partial class PlantedBugs
{
    private static IEnumerable<PlantedBug> Models()
    {
        yield return new(
            "a layer at two prefixes steps twice",
            "LayerDictionaryModelTests.The_parameters_of_a_layer_at_two_prefixes_are_listed_once",
            ("if (_distinctLayers.Contains(layer))", "if (_distinctLayers.Contains(layer) && prefix.Length == 0)"));
        yield return new(
            "ranks that do not agree leave half of a model synchronized",
            "LayerDictionaryModelTests.Ranks_whose_last_layers_differ_leave_the_first_ones_as_they_were",
            ("layers[i].Ranks = before[i];", "_ = before[i];"));
        yield return new(
            "a prefix is suggested that has no more keys than the present one",
            "LayerDictionaryModelTests.The_prefix_with_the_most_keys_is_suggested_and_none_where_the_present_one_is_the_best",
            ("count > found[present] ? prefix : null", "prefix"));
        yield return new(
            "a key at another prefix is unexpected",
            "LayerDictionaryModelTests.A_key_at_a_layer_is_unexpected_under_the_prefix_alone",
            ("KeyText.IsUnder(key, prefix + layer)", "KeyText.IsUnder(key, layer)"));
        yield return new(
            "a double is rounded to a half type by way of float",
            "SafeTensorsChangesTests.Half_types_are_rounded_once_to_the_nearest_and_to_even",
            ("if (single != value)", "if (false)"));
        yield return new(
            "a half type is cut off instead of rounded",
            "SafeTensorsChangesTests.Half_types_are_rounded_once_to_the_nearest_and_to_even",
            ("bits += 0x7FFF + ((bits >> 16) & 1);", ""));
        yield return new(
            "a number too large for the file becomes infinite",
            "SafeTensorsChangesTests.A_number_that_the_type_in_the_file_cannot_hold_is_named_and_nothing_is_written",
            ("double.IsFinite(elements[i]) && !TStored.IsFinite(read(bytes))", "false"));
        yield return new(
            "changed norms take the type of the layer instead of that of the file",
            "SafeTensorsChangesTests.The_norms_of_a_half_precision_checkpoint_change_and_nothing_else_does",
            ("entry.Format.Write(changed, stream);", "changed.Write(stream);"));
        yield return new(
            "a changed file has its values in the order of the header",
            "SafeTensorsChangesTests.Without_a_change_every_byte_of_a_strange_file_is_the_same",
            ("_entries.OrderBy(static entry => entry.Offset)", "_entries.OrderBy(static entry => entry.Name)"));
        yield return new(
            "numbered values are taken in the order of the file",
            "StateImportTests.The_numbers_of_Keras_3_become_names_by_the_class_of_the_layer",
            ("[.. layer.OrderBy(static value => value.Number)]", "[.. layer]"));
        yield return new(
            "the bias of a dense layer is taken for β",
            "StateImportTests.The_bias_of_a_dense_layer_is_not_taken_for_that_of_a_norm",
            ("others.Contains(prefix) ? null : Join(prefix, name)", "Join(prefix, name)"));
        yield return new(
            "layer normalization of Keras has PyTorch's epsilon",
            "StateImportTests.The_defaults_of_Keras_and_Flax_are_those_of_their_sources",
            ("LayerNormEpsilon = 1e-3,", ""));
        yield return new(
            "a model of ONNX names files anywhere", "OnnxModelTests.A_model_cannot_name_a_file_outside_of_its_folder",
            ("""part is "" or "." or "..")""", """part is "")"""));
        yield return new(
            "a length in a model is believed",
            "OnnxReaderTests.A_lie_about_a_length_is_refused_before_memory_of_that_size_is_taken",
            ("if (value > (ulong)(end - position))", "if (value > long.MaxValue)"));
        yield return new(
            "a scale for each group is taken for one for each channel",
            "OnnxModelTests.One_scale_for_each_group_becomes_one_for_each_channel",
            ("graph.OperatorSet < ScalePerChannelSet", "graph.OperatorSet < 0"));
        yield return new(
            "the momentum of ONNX weighs the old value", "OnnxModelTests.Attributes_become_those_of_the_layer",
            ("MomentumConvention.OnOldValue.Convert(momentum)", "momentum"));
    }
}
