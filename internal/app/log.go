package app

import (
	"io"
	"log/slog"
	"os"

	sdklog "go.temporal.io/sdk/log"
	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"
	"go.uber.org/zap/zapcore"
	"golang.org/x/term"

	"github.com/tabi-journeys/tabi/internal/human"
)

// Logger writes to w at the level and in the form of the configuration.
func (c *Config) Logger(w io.Writer) (*zap.Logger, error) {
	level, err := zapcore.ParseLevel(c.LogLevel)
	if err != nil {
		return nil, Usage("--log-level is %q: give debug, info, warn or error", c.LogLevel)
	}
	console := c.LogFormat == "console"
	if f, ok := w.(*os.File); ok && c.LogFormat == "" {
		console = term.IsTerminal(int(f.Fd()))
	}
	enc := zap.NewProductionEncoderConfig()
	enc.TimeKey, enc.EncodeTime = "time", zapcore.ISO8601TimeEncoder
	encoder := zapcore.NewJSONEncoder(enc)
	if console {
		enc.EncodeLevel = zapcore.CapitalLevelEncoder
		enc.CallerKey = ""
		encoder = zapcore.NewConsoleEncoder(enc)
	}
	core := zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(quoting{w})), level)
	return zap.New(core, zap.AddCaller()), nil
}

// quoting writes log lines so that no text in them controls the terminal that shows them. JSON stays the same value.
type quoting struct{ io.Writer }

// Write implements io.Writer.
func (q quoting) Write(line []byte) (int, error) {
	if _, err := io.WriteString(q.Writer, human.Quote(string(line), "\n\t")); err != nil {
		return 0, err
	}
	return len(line), nil
}

// sdkLogger lets the SDK log where we do.
func sdkLogger(l *zap.Logger) sdklog.Logger {
	return sdklog.NewStructuredLogger(slog.New(zapslog.NewHandler(l.Core(), zapslog.WithName("temporal"))))
}
