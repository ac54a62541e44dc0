//! Ruby's Sidekiq at the work of `EventsController`, with a probe like that of the app.

use anyhow::Result;
use benched::probe::MARK;
use karafka_tests::sidekiq::Sidekiq;

/// Starts it; it prints a line after so many jobs.
pub(super) fn start(redis: &str, jobs: &str, concurrency: &str) -> Result<Sidekiq> {
    Sidekiq::start(redis, &script(jobs), &["-c", concurrency])
}

fn script(jobs: &str) -> String {
    format!(
        r#"
module Probe
  CLOCKS = {{ wall_s: Process::CLOCK_MONOTONIC, cpu_s: Process::CLOCK_PROCESS_CPUTIME_ID }}
  LOCK = Mutex.new
  @seen = 0
  @quantity = 0

  def self.now
    CLOCKS.transform_values {{ |clock| Process.clock_gettime(clock) }}
  end

  def self.see(event)
    LOCK.synchronize do
      @first = now if @seen.zero?
      @seen += 1
      @quantity += event['quantity']
      report if @seen == {jobs}
    end
  end

  def self.report
    last = now
    peak = File.read('/proc/self/status')[/VmHWM:\s*(\d+)/, 1].to_i / 1024.0
    word = CLOCKS.to_h {{ |name, _| [name, last[name] - @first[name]] }}
    $stdout.puts('{MARK}' + word.merge(rss_mb: peak, quantity: @quantity).to_json)
    $stdout.flush
  end
end

class EventsWorker
  include Sidekiq::Worker

  def perform(_topic, message, _origin)
    Probe.see(JSON.parse(message))
  end
end

# Two lines a job are not what is compared.
Sidekiq.configure_server {{ |config| config.on(:heartbeat) {{ Sidekiq.logger.level = Logger::WARN }} }}
"#
    )
}
