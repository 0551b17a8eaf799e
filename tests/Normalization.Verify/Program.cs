using Normalization.Verify;

return Commands.Run(args);
