export {
  CapacityForecast,
  parseForecastState,
  type ForecastDecision,
  type ForecastSettings,
  type ForecastState,
} from './capacity-forecast';
