/** Turns the lens of Skerry Light at a constant speed and watches the lamp. */

export interface LampReading {
  secondsPerTurn: number;
  lampAmps: number;
  mercuryMillimetres: number;
}

export type Alarm = "lens-drags" | "lamp-dark" | "bath-low";

const SECONDS_PER_TURN = 30; // two panels of lenses: a double flash every fifteen seconds
const TOLERANCE = 0.02;

/** Every alarm that a reading raises, the most urgent first. */
export function alarmsFor(reading: LampReading): Alarm[] {
  const alarms: Alarm[] = [];
  if (reading.lampAmps < 0.5) {
    alarms.push("lamp-dark");
  }
  if (Math.abs(reading.secondsPerTurn - SECONDS_PER_TURN) > SECONDS_PER_TURN * TOLERANCE) {
    alarms.push("lens-drags");
  }
  if (reading.mercuryMillimetres < 11) {
    alarms.push("bath-low");
  }
  return alarms;
}

/** Speed up or slow down the motor in small steps, so that the lens never jerks on its bath. */
export function correctMotorVoltage(voltage: number, reading: LampReading): number {
  const error = (reading.secondsPerTurn - SECONDS_PER_TURN) / SECONDS_PER_TURN;
  return Math.min(12, Math.max(6, voltage * (1 + 0.25 * error)));
}
